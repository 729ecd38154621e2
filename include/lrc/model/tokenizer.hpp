// Text to token ids, as the model's own tokenizer makes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// A tokenizer that is loaded; encode() may be called from several threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The ids of `text`, without a beginning-of-sequence token or any other that the text does not hold. Bytes that are
  /// not UTF-8 are read as U+FFFD (replace_invalid_utf8); special tokens written out in the text become their ids
  /// where the model has a tokenizer.json.
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;

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
