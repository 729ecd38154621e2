// tokenizer.json: a tokenizer that was taken also has to tokenize.
#include "fuzz.hpp"
#include "lrc/model/tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("tokenizer.json", data, size, [](const std::filesystem::path& file) {
    lrc::load_json_tokenizer(file)->encode(
        "The year 2024: it's  'quoted'\n\t \xC3\xA9t\xC3\xA9 <s>\xF0\x9F\x99\x82 \xFF .");
  });
  return 0;
}
