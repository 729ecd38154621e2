#include "lrc/model/tokenizer.hpp"

#include "lrc/core/error.hpp"

namespace lrc {

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_directory) {
  const auto json = model_directory / "tokenizer.json", sentencepiece = model_directory / "tokenizer.model";
  if (std::filesystem::exists(json)) return load_json_tokenizer(json);
  if (std::filesystem::exists(sentencepiece)) return load_sentencepiece_tokenizer(sentencepiece);
  throw InputError(model_directory.string(),
                   "holds neither tokenizer.json nor tokenizer.model; text cannot be tokenized "
                   "without one of them (files of token ids can be given instead)");
}

}  // namespace lrc
