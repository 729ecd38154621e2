// Descriptions of small tokenizers, as a tokenizer.json holds them.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "lrc/tokenizer/tokenizer.hpp"
#include "temporary_directory.hpp"

namespace lrc {

// A tokenizer.json in a directory of its own.
class JsonFile {
 public:
  explicit JsonFile(const nlohmann::json& description) {
    write_file(directory_ / "tokenizer.json", description.dump());
  }
  std::unique_ptr<Tokenizer> load() const { return load_tokenizer(directory_.path()); }

 private:
  TemporaryDirectory directory_;
};

inline nlohmann::json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

inline nlohmann::json split(const std::string& kind, const std::string& pattern, const std::string& behavior) {
  return {{"type", "Split"}, {"pattern", {{kind, pattern}}}, {"behavior", behavior}, {"invert", false}};
}

inline nlohmann::json sequence(const nlohmann::json& first, const nlohmann::json& second) {
  return {{"type", "Sequence"}, {"pretokenizers", {first, second}}};
}

}  // namespace lrc
