#include "lrc/tokenizer/tokenizer.hpp"

#include "lrc/core/error.hpp"
#include "lrc/io/directory.hpp"
#include "lrc/tokenizer/confined.hpp"

namespace lrc {
namespace {

// Patterns that backtrack, and replacements that replace what they put in, may take any time and memory: another
// process does the work.
class ConfinedTokenizer : public Tokenizer {
 public:
  explicit ConfinedTokenizer(std::filesystem::path file)
      : file_(std::move(file)), tokenizer_(load_json_tokenizer(file_)) {}

  Front encode_front(const TextPart& part) const override {
    const ChildLimits limits{.memory = (std::uint64_t{1} << 30) + 256 * part.text.size(),
                             .cpu_seconds = 10 + part.text.size() / 50'000};
    return front_from_child(file_, "can't tokenize the text", limits, part,
                            [&] { return tokenizer_->encode_front(part); });
  }

  Index vocabulary_size() const override { return tokenizer_->vocabulary_size(); }

 private:
  std::filesystem::path file_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_directory) {
  const auto json = model_directory / "tokenizer.json", sentencepiece = model_directory / "tokenizer.model";
  if (is_there(json)) return std::make_unique<ConfinedTokenizer>(json);
  if (is_there(sentencepiece)) return load_sentencepiece_tokenizer(sentencepiece);
  throw InputError(model_directory.string(),
                   "holds neither tokenizer.json nor tokenizer.model; text cannot be tokenized "
                   "without one of them (files of token ids can be given instead)");
}

}  // namespace lrc
