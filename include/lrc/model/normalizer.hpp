// The "normalizer" of a tokenizer.json: what is done to the text before it is cut into pieces.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace lrc {

/// From valid UTF-8 to valid UTF-8. A text without characters stays as it is.
using Normalizer = std::function<std::string(std::string)>;

/// Every occurrence of `pattern` in `text`, from the left and none overlapping, becomes `content`.
/// Precondition: `pattern` is not empty.
std::string replace_all(const std::string& text, const std::string& pattern, const std::string& content);

/// Knows Sequence, Prepend, Replace of a String, and the normal forms of Unicode (NFC, NFD, NFKC, NFKD; UAX #15); null
/// is the identity. Throws InputError naming `subject`, the file, for any other kind, and json::exception where a field
/// is missing or of the wrong type. The normalizer throws InputError where a text grows to more than some 64 times its
/// length.
Normalizer read_normalizer(const std::string& subject, const nlohmann::json& description);

}  // namespace lrc
