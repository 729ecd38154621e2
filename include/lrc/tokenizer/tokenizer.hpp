// Text to token ids, as the model's own tokenizer makes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// A part of a text that is tokenized part by part, the one behind the other.
struct TextPart {
  std::string_view text;            ///< valid UTF-8, unless it is the whole text
  bool starts = true, ends = true;  ///< whether the whole text starts, ends with it
};

/// The ids of the first `size` bytes of a part.
struct Front {
  std::vector<std::int32_t> ids;
  std::size_t size = 0;
};

/// A tokenizer that is loaded; encode() may be called from several threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The ids of `text`, without a beginning-of-sequence token or any other that the text does not hold. Bytes that are
  /// not UTF-8 are read as U+FFFD (replace_invalid_utf8); special tokens written out in the text become their ids
  /// where the model has a tokenizer.json.
  std::vector<std::int32_t> encode(std::string_view text) const { return encode_front({text}).ids; }

  /// The ids of the front of `part`, where the next part is to start: what the whole text has there, however it goes
  /// on. All of it where it ends the text; nothing where it can't be cut, and more of the text is needed.
  virtual Front encode_front(const TextPart& part) const = 0;

  /// One more than the largest id that encode() can give.
  virtual Index vocabulary_size() const = 0;
};

/// The tokenizer of a Hugging Face model directory: its tokenizer.json, else its tokenizer.model (sentencepiece).
/// Throws InputError where both are missing, or where the one that is there is damaged or holds what lrc does not know.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_directory);

/// The same for one file of either kind.
std::unique_ptr<Tokenizer> load_json_tokenizer(const std::filesystem::path& file);
std::unique_ptr<Tokenizer> load_sentencepiece_tokenizer(const std::filesystem::path& file);

}  // namespace lrc
