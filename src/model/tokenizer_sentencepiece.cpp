#include <sentencepiece_processor.h>

#include "lrc/core/error.hpp"
#include "lrc/io/child_process.hpp"
#include "lrc/io/file.hpp"
#include "lrc/model/tokenizer.hpp"
#include "lrc/model/utf8.hpp"

namespace lrc {
namespace {

void check(const sentencepiece::util::Status& status) {
  if (!status.ok()) throw Error(status.ToString());
}

// sentencepiece crashes on some damaged models: it gets to see them in another process only.
class SentencepieceTokenizer : public Tokenizer {
 public:
  explicit SentencepieceTokenizer(const std::filesystem::path& file)
      : file_(file), model_(read_text(file, kLargestFile)) {
    const auto pieces = ask([](const auto& processor) { return std::vector{processor.GetPieceSize()}; }, model_.size());
    vocabulary_size_ = pieces.at(0);
  }

  std::vector<std::int32_t> encode(std::string_view bytes) const override {
    const auto encode = [&](const sentencepiece::SentencePieceProcessor& processor) {
      std::vector<int> ids;
      check(processor.Encode(replace_invalid_utf8(bytes), &ids));
      return ids;
    };
    return ask(encode, model_.size() + bytes.size());
  }

  Index vocabulary_size() const override { return vocabulary_size_; }

 private:
  static constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;

  // What `question` returns, asked in another process; `size` is that of what is to be read.
  template <class Question>
  std::vector<std::int32_t> ask(const Question& question, std::uint64_t size) const {
    const ChildLimits limits{.memory = (std::uint64_t{1} << 30) + 1024 * size, .cpu_seconds = 5 + size / 100'000};
    return ids_from_child(file_, "the sentencepiece library can't read it", limits, [&] {
      sentencepiece::SentencePieceProcessor processor;
      check(processor.LoadFromSerializedProto(model_));
      return question(processor);
    });
  }

  std::filesystem::path file_;
  std::string model_;  // the file's bytes
  Index vocabulary_size_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece_tokenizer(const std::filesystem::path& file) {
  return std::make_unique<SentencepieceTokenizer>(file);
}

}  // namespace lrc
