#include <sentencepiece_processor.h>

#include <algorithm>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"
#include "lrc/tokenizer/confined.hpp"
#include "lrc/tokenizer/sentencepiece_words.hpp"
#include "lrc/tokenizer/tokenizer.hpp"
#include "lrc/tokenizer/utf8.hpp"

namespace lrc {
namespace {

void check(const sentencepiece::util::Status& status) {
  if (!status.ok()) throw Error(status.ToString());
}

// Where a word starts, with the single space before it, that is cut off from the word before it: the first such place
// from `from` on; the end where there is none.
std::size_t next_word(std::string_view text, std::size_t from) {
  constexpr std::string_view kSpaceOfPieces = "\u2581";
  for (std::size_t at = std::max<std::size_t>(from, 1); at + 1 < text.size(); ++at) {
    const std::string_view before = text.substr(0, at), after = text.substr(at + 1);
    const bool is_single = !before.ends_with(' ') && !before.ends_with(kSpaceOfPieces) && !after.starts_with(' ') &&
                           !after.starts_with(kSpaceOfPieces);
    if (text[at] == ' ' && is_single) return at;
  }
  return text.size();
}

// Encodes a text some words at a time, which takes less time than all of it at once.
class WordEncoder {
 public:
  WordEncoder(const sentencepiece::SentencePieceProcessor& processor, SentencepieceWords words)
      : processor_(processor), words_(words) {}

  // The last words of a part that does not end the text are left for the next part, which starts with their space.
  Front encode(std::string_view text, bool starts, bool ends) const {
    Front front;
    for (std::size_t end = 0; front.size < text.size(); front.size = end) {
      end = words_.stand_alone ? next_word(text, front.size + kAtATime) : text.size();
      if (!ends && end == text.size()) break;
      const bool has_space_before = words_.stand_alone && words_.get_space_put_in && !(starts && front.size == 0);
      const std::size_t begin = front.size + (has_space_before ? 1 : 0);
      std::vector<int> ids;
      check(processor_.Encode(std::string(text.substr(begin, end - begin)), &ids));
      front.ids.insert(front.ids.end(), ids.begin(), ids.end());
    }
    return front;
  }

 private:
  static constexpr std::size_t kAtATime = 1024;

  const sentencepiece::SentencePieceProcessor& processor_;
  SentencepieceWords words_;
};

// sentencepiece crashes on some damaged models: it gets to see them in another process only.
class SentencepieceTokenizer : public Tokenizer {
 public:
  explicit SentencepieceTokenizer(const std::filesystem::path& file)
      : file_(file), model_(read_text(file, kLargestFile)), words_(sentencepiece_words(model_)) {
    const auto count = [&] { return std::vector{load()->GetPieceSize()}; };
    vocabulary_size_ = ids_from_child(file_, kProblem, limits(model_.size()), count).at(0);
  }

  Front encode_front(const TextPart& part) const override {
    if (!part.ends && !words_.stand_alone) return {};
    return front_from_child(file_, kProblem, limits(model_.size() + part.text.size()), part, [&]() -> Front {
      const auto processor = load();
      const WordEncoder encoder(*processor, words_);
      if (!part.ends) return encoder.encode(part.text, part.starts, false);
      return {encoder.encode(replace_invalid_utf8(part.text), part.starts, true).ids, part.text.size()};
    });
  }

  Index vocabulary_size() const override { return vocabulary_size_; }

 private:
  static constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;
  static constexpr const char* kProblem = "the sentencepiece library can't read it";

  // To read `size` bytes.
  static ChildLimits limits(std::uint64_t size) {
    return {.memory = (std::uint64_t{1} << 30) + 1024 * size, .cpu_seconds = 5 + size / 100'000};
  }

  std::unique_ptr<sentencepiece::SentencePieceProcessor> load() const {
    auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
    check(processor->LoadFromSerializedProto(model_));
    return processor;
  }

  std::filesystem::path file_;
  std::string model_;  // the file's bytes
  SentencepieceWords words_;
  Index vocabulary_size_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece_tokenizer(const std::filesystem::path& file) {
  return std::make_unique<SentencepieceTokenizer>(file);
}

}  // namespace lrc
