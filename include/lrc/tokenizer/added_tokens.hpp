// Tokens that are found in the text as they are, before anything else is done with it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lrc/tokenizer/bpe.hpp"
#include "lrc/tokenizer/regex.hpp"

namespace lrc {

/// One of the "added_tokens" of a tokenizer.json.
struct AddedToken {
  std::int32_t id = 0;
  bool single_word = false;             ///< whether it counts only where no word character stands beside it
  bool lstrip = false, rstrip = false;  ///< whether it takes the white space before it, after it
};

/// A part of a text: an added token, or what lies between them.
struct TokenOrText {
  std::string_view text;
  std::optional<std::int32_t> id;
};

/// Finds added tokens: leftmost first, the longest of those that start at one place.
class AddedTokens {
 public:
  /// `subject` is the file that the tokens come from.
  explicit AddedTokens(const std::string& subject);

  /// Where a content is inserted twice, the first counts; an empty one is never found.
  void insert(const std::string& content, const AddedToken& token);

  /// Cuts `text`; the parts are views of it. Precondition: it is valid UTF-8.
  std::vector<TokenOrText> split(std::string_view text) const;

  /// The part without added tokens that holds `place`, where the text can be cut there: split() of what stands before
  /// it and of what stands after it has the parts of the whole, of which this one is cut in two. `text` may go on: the
  /// part ends where that could change it.
  std::optional<Span> part_around(std::string_view text, std::size_t place) const;

 private:
  struct Found {
    Span span;
    const AddedToken* token = nullptr;
  };
  std::optional<Found> longest_at(std::string_view text, std::size_t position) const;
  bool stands_alone(std::string_view text, Span span) const;
  bool touches_token(std::string_view text, std::size_t place) const;

  std::unordered_map<std::string, AddedToken, StringHash, std::equal_to<>> tokens_;
  std::map<char, std::vector<std::size_t>> lengths_;  // of the tokens that start with a byte, descending
  std::size_t longest_ = 0;
  Regex word_character_;
};

}  // namespace lrc
