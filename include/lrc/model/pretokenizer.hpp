// The "pre_tokenizer" of a tokenizer.json: where the text is cut into the pieces within which BPE merges.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lrc/model/regex.hpp"

namespace lrc {

/// A part of the text, never empty.
struct Piece {
  std::string text;
  bool starts_text = false;  ///< whether it is where the whole text begins
};

using PreTokenizer = std::function<std::vector<Piece>(const Piece&)>;

/// What becomes of the matches of a pattern.
enum class SplitBehavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

/// Cuts at the matches of `pattern`, or with `invert` at what lies between them.
PreTokenizer split_pretokenizer(const Regex& pattern, SplitBehavior behavior, bool invert);

/// Knows Sequence, Split, Digits, ByteLevel and Metaspace; null is the identity. Throws InputError naming `subject`,
/// the file, for any other kind, and json::exception where a field is missing or of the wrong type.
PreTokenizer read_pretokenizer(const std::string& subject, const nlohmann::json& description);

}  // namespace lrc
