// Text to token ids, as the model's own tokenizer makes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  virtual Index vocabulary_size() const = 0;
};

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_directory);

}  // namespace lrc
