// The regular expressions of a tokenizer.json: written for Oniguruma, matched by PCRE2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lrc {

/// A part of a text, in bytes.
struct Span {
  std::size_t begin = 0, end = 0;
};

/// `pattern`, in Oniguruma's syntax, in that of PCRE2: where the two give one sign different meanings (\s is
/// White_Space here and knows U+180E there; \w; scripts against script extensions) the pattern is written so that PCRE2
/// finds what Oniguruma would. Throws InputError naming `subject` and the construct where that is not known to be so.
std::string oniguruma_to_pcre2(const std::string& subject, std::string_view pattern);

/// The pattern that matches `text` and nothing else.
std::string escaped_pattern(std::string_view text);

/// A compiled pattern; thread-safe. Classes such as \p{L} are those of the Unicode version of the PCRE2 at hand (14 in
/// 10.42): a character that is newer counts as unassigned.
class Regex {
 public:
  /// `pattern` in Oniguruma's syntax. Throws InputError naming `subject`, the file it comes from, and the pattern.
  Regex(std::string subject, std::string pattern);

  /// The matches from left to right, none overlapping the next; an empty one never touches the match before it.
  /// Precondition: `text` is valid UTF-8. Throws InputError where the pattern backtracks without end.
  std::vector<Span> matches(std::string_view text) const;

  /// Matches of a text that goes on.
  struct Known {
    std::vector<Span> matches;  ///< those that are the same however the text goes on
    std::size_t end = 0;        ///< no other one begins before this place
  };
  /// Nothing where what matches may depend on what stands before it.
  std::optional<Known> known_matches(std::string_view text) const;

 private:
  struct Code;
  struct Search;
  Search search(std::string_view text, std::uint32_t options) const;

  std::string subject_, pattern_;
  std::shared_ptr<const Code> code_;
};

}  // namespace lrc
