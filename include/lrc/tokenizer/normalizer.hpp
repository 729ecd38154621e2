// The "normalizer" of a tokenizer.json: what is done to the text before it is cut into pieces.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace lrc {

/// From valid UTF-8 to valid UTF-8. A text without characters stays as it is.
class Normalizer {
 public:
  virtual ~Normalizer() = default;

  /// `starts`: whether `text` is no rest of a text that was cut.
  virtual std::string apply(std::string text, bool starts) const = 0;

  /// Whether a text of which `before` and `after` are two parts, side by side, can be cut between them: the normalized
  /// text is that of both, one behind the other. Then they are normalized, and `after` loses what depends on how the
  /// text goes on. Neither side is empty, before or after that.
  virtual bool cut(std::string& before, std::string& after, bool starts) const = 0;
};

using SharedNormalizer = std::shared_ptr<const Normalizer>;

/// Every occurrence of `pattern` in `text`, from the left and none overlapping, becomes `content`.
/// Precondition: `pattern` is not empty.
std::string replace_all(const std::string& text, const std::string& pattern, const std::string& content);

/// Knows Sequence, Prepend, Replace of a String, and the normal forms of Unicode (NFC, NFD, NFKC, NFKD; UAX #15); null
/// is the identity. Throws InputError naming `subject`, the file, for any other kind, and json::exception where a field
/// is missing or of the wrong type. The normalizer throws InputError where a text grows to more than some 64 times its
/// length.
SharedNormalizer read_normalizer(const std::string& subject, const nlohmann::json& description);

}  // namespace lrc
