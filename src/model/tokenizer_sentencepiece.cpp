#include <sentencepiece_processor.h>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"
#include "lrc/model/tokenizer.hpp"
#include "lrc/model/utf8.hpp"

namespace lrc {
namespace {

class SentencepieceTokenizer : public Tokenizer {
 public:
  explicit SentencepieceTokenizer(const std::filesystem::path& file) {
    constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;
    const auto status = processor_.LoadFromSerializedProto(read_text(file, kLargestFile));
    if (!status.ok()) throw InputError(file.string(), "not a sentencepiece model: " + status.ToString());
  }

  std::vector<std::int32_t> encode(std::string_view bytes) const override {
    std::vector<int> ids;
    const auto status = processor_.Encode(replace_invalid_utf8(bytes), &ids);
    if (!status.ok()) throw CallError("sentencepiece Encode", status.ToString());
    return ids;
  }

  Index vocabulary_size() const override { return processor_.GetPieceSize(); }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece_tokenizer(const std::filesystem::path& file) {
  return std::make_unique<SentencepieceTokenizer>(file);
}

}  // namespace lrc
