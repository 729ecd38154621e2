// tokenizer.json: what no tokenizer says, and what would take for ever.
#include <fmt/core.h>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

const char* const kFile = "model/tokenizer.json";

Situation tokenizer(const std::string& name, const std::string& text) {
  return {"tokenizer.json " + name,
          {"tokenizer.json"},
          [=](const fs::path& d) { write_file(d / kFile, text); },
          "text.txt"};
}

// One part of the good tokenizer written otherwise.
Situation with(const std::string& from, const std::string& to) {
  return tokenizer(fmt::format("with {:.80}", to), replaced(good_tokenizer(), from, to));
}

Situation merge(const std::string& merge) { return with("\"t h\"", merge); }
Situation entry(const std::string& entry) { return with("\"t\":0", entry); }
Situation normalizer(const std::string& value) { return with("\"normalizer\":null", "\"normalizer\":" + value); }

Situation pre_tokenizer(const std::string& value) {
  return with(R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})", value);
}

Situation split(const std::string& pattern, const std::string& behavior = "Isolated") {
  return pre_tokenizer(
      fmt::format(R"({{"type":"Split","pattern":{},"behavior":"{}","invert":false}})", pattern, behavior));
}

Situation regex(const std::string& pattern) { return split(fmt::format(R"({{"Regex":"{}"}})", pattern)); }

Situations models() {
  Situations all = {with("\"type\":\"BPE\"", "\"type\":\"Unigram\""),
                    with("\"type\":\"BPE\"", "\"type\":[]"),
                    with("\"unk_token\":null", "\"unk_token\":\"<unk>\""),
                    with("\"unk_token\":null", "\"unk_token\":7"),
                    with("\"unk_token\":null", "\"dropout\":0.5"),
                    with("\"unk_token\":null", "\"byte_fallback\":3"),
                    with("\"merges\"", "\"merge\""),
                    with("\"vocab\"", "\"vocabulary\""),
                    with("\"model\"", "\"models\"")};
  for (const char* value : {"7", "null", "\"th\"", "\"t  h\"", "\"t h e\"", "\"\"", "[\"t\"]", "[\"t\",\"h\",\"e\"]",
                            "[\"t\",3]", "\"t z\"", "\"z t\"", "\"t e\"", "[[],[]]"}) {
    all.push_back(merge(value));
  }
  for (const char* value : {"\"t\":-1", "\"t\":0.5", "\"t\":\"0\"", "\"t\":2147483648", "\"t\":18446744073709551616",
                            "\"t\":null", "\"t\":0,\"t\":1", "\"t\":[0]"}) {
    all.push_back(entry(value));
  }
  for (const char* id : {"\"id\":-1", "\"id\":2147483648", "\"id\":\"60\"", "\"id\":null", "\"ids\":60"})
    all.push_back(with("\"id\":60", id));
  for (const char* content : {"\"content\":7", "\"contents\":\"<s>\"", "\"content\":\"th\""})
    all.push_back(with("\"content\":\"<s>\"", content));
  all.push_back(with("\"lstrip\":false", "\"lstrip\":0"));
  return all;
}

Situations parts() {
  const std::string replace = R"({"type":"Replace","pattern":{"String":" "},"content":"  "})";
  std::string nested = replace;  // doubles a space 512 times
  for (int i = 0; i < 9; ++i) nested = fmt::format(R"({{"type":"Sequence","normalizers":[{0},{0}]}})", nested);
  const std::string bytes = R"({"type":"ByteLevel","add_prefix_space":true,"use_regex":false},)";
  Situations all = {normalizer("7"),
                    normalizer("{}"),
                    normalizer(R"({"type":"Lowercase"})"),
                    normalizer(R"({"type":"Sequence"})"),
                    normalizer(R"({"type":"Sequence","normalizers":[7]})"),
                    normalizer(R"({"type":"Prepend"})"),
                    normalizer(R"({"type":"Replace","pattern":{"String":""},"content":"x"})"),
                    normalizer(R"({"type":"Replace","pattern":{"Regex":"x"},"content":"x"})"),
                    normalizer(R"({"type":"Replace","pattern":"x","content":"x"})"),
                    normalizer(nested),
                    pre_tokenizer("[]"),
                    pre_tokenizer(R"({"type":"Whitespace"})"),
                    pre_tokenizer(R"({"type":"ByteLevel"})"),
                    pre_tokenizer(R"({"type":"Digits","individual_digits":1})"),
                    pre_tokenizer(R"({"type":"Metaspace","replacement":""})"),
                    pre_tokenizer(R"({"type":"Metaspace","replacement":"ab"})"),
                    pre_tokenizer(R"({"type":"Metaspace","replacement":"a","prepend_scheme":"last"})"),
                    pre_tokenizer(R"({"type":"Sequence","pretokenizers":[)" + repeated(bytes, 40) + "null]}")};
  append(all, {split("{}"), split("\"x\""), split(R"({"String":""})"), split(R"({"String":7})"),
               split(R"({"String":"x"})", "Shredded")});
  for (const char* pattern : {"(",
                              ")",
                              "[",
                              "[b-a]",
                              "*",
                              "a{2,1}",
                              "a{65536}",
                              "((((a{1000}){1000}){1000}){1000})",
                              "\\\\",
                              "\\\\p{",
                              "\\\\p{Nonsense}",
                              "\\\\x{110000}",
                              "(?<=a*)b",
                              "(?R)",
                              "(*ACCEPT)",
                              "[[:x:]]",
                              "(?{1})",
                              "(?C1)",
                              "\\\\1",
                              "[a&&b]",
                              "\\\\K",
                              "\\\\C",
                              "\\ud800"}) {
    all.push_back(regex(pattern));
  }
  for (const char* endless : {"(?:(?:[a-z]+\\\\s?)+)+\\\\d", "(?:.|.|.|\\\\n)*\\\\d", "(?:(?:.*)*)*\\\\d"}) {
    all.push_back(regex(endless));
  }
  all.push_back(regex(repeated("(?:", 1000) + "a" + repeated(")", 1000)));
  return all;
}

}  // namespace

Situations tokenizer_json_situations() {
  Situations all = odd_files(kFile, "text.txt");
  append(all, odd_files("text.txt", "text.txt"));
  append(all, models());
  append(all, parts());
  append(all,
         {tokenizer("an array", "[]"), tokenizer("an empty object", "{}"),
          tokenizer("cut off", good_tokenizer().substr(0, 300)), tokenizer("deep", repeated("{\"model\":", 100'000)),
          tokenizer("of too many values", "{\"x\":[" + repeated("[],", 20'000'000) + "[]]}"),
          tokenizer("with a token twice", replaced(good_tokenizer(), "\"model\"", "\"normalizer\":null,\"model\""))});
  // Tokens that the tokenizer knows and the model does not.
  all.push_back({"tokenizer.json of another model",
                 {"text.txt", "vocabulary of 64"},
                 [](const fs::path& directory) {
                   write_file(directory / kFile, replaced(good_tokenizer(), "\"t\":0", "\"t\":64"));
                 },
                 "text.txt"});
  all.push_back({"text.txt larger than any",
                 {"text.txt"},
                 [](const fs::path& directory) { fs::resize_file(directory / "text.txt", std::uintmax_t{1} << 40); },
                 "text.txt"});
  return all;
}

}  // namespace lrc
