// tokenizer.model (sentencepiece): a tokenizer that was taken also has to tokenize.
#include "fuzz.hpp"
#include "lrc/tokenizer/tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("tokenizer.model", data, size, [](const std::filesystem::path& file) {
    lrc::load_sentencepiece_tokenizer(file)->encode(
        "The year 2024: it's\n\t \xC3\xA9t\xC3\xA9 <s>\xF0\x9F\x99\x82 \xFF .");
  });
  return 0;
}
