// The "pre_tokenizer" of a tokenizer.json: where the text is cut into the pieces within which BPE merges.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lrc/tokenizer/regex.hpp"

namespace lrc {

/// A part of the text, never empty.
struct Piece {
  std::string text;
  bool starts_text = false;  ///< whether it is where the whole text begins
};

/// A place in a text: what stands before it and after it. How the text goes on is not known.
struct Place {
  Piece before;
  std::string after;
};

/// What becomes of a text that is cut at a place, so that its parts are looked at one by one.
enum class Cut {
  unknown,  ///< the pieces may be others than those of the whole text
  between,  ///< they are those of the whole text
  within    ///< they are, but for one piece of the whole text, which is cut there, too
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  /// Appends the pieces of `whole`.
  virtual void append(Piece whole, std::vector<Piece>& pieces) const = 0;

  /// `place` becomes one in the piece that is cut, where one is. Precondition: neither side is empty.
  virtual Cut cut(Place& place) const = 0;
};

using SharedPreTokenizer = std::shared_ptr<const PreTokenizer>;

/// What becomes of the matches of a pattern.
enum class SplitBehavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

/// Cuts at the matches of `pattern`, or with `invert` at what lies between them.
SharedPreTokenizer split_pretokenizer(const Regex& pattern, SplitBehavior behavior, bool invert);

/// Knows Sequence, Split, Digits, ByteLevel and Metaspace; null is the identity. Throws InputError naming `subject`,
/// the file, for any other kind, and json::exception where a field is missing or of the wrong type.
SharedPreTokenizer read_pretokenizer(const std::string& subject, const nlohmann::json& description);

}  // namespace lrc
