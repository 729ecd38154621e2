// tokenizer.json: a tokenizer that was taken also has to tokenize, and to give a text that is cut the ids of the whole.
#include <cstdlib>

#include "fuzz.hpp"
#include "lrc/tokenizer/tokenizer.hpp"

namespace {

constexpr std::string_view kText =
    "The year 2024: it's  'quoted'\n\t \xC3\xA9t\xC3\xA9 e\xCC\x81 <s> they  say\n\nno </s>\xF0\x9F\x99\x82  "
    "\xE2\x96\x81 .";

void tokenize_cut(const lrc::Tokenizer& tokenizer, const std::vector<std::int32_t>& whole) {
  for (const std::size_t known : {20U, 44U, 60U, 69U}) {
    lrc::Front front = tokenizer.encode_front({kText.substr(0, known), true, false});
    if (front.size == 0) continue;
    const lrc::Front rest = tokenizer.encode_front({kText.substr(front.size), false, true});
    front.ids.insert(front.ids.end(), rest.ids.begin(), rest.ids.end());
    if (front.ids != whole) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("tokenizer.json", data, size, [](const std::filesystem::path& file) {
    const auto tokenizer = lrc::load_json_tokenizer(file);
    tokenizer->encode("\xFF\xE2\x96 .");
    tokenize_cut(*tokenizer, tokenizer->encode(kText));
  });
  return 0;
}
