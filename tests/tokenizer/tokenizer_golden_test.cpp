#include <gtest/gtest.h>

#include <cstdlib>

#include "lrc/io/json.hpp"
#include "lrc/tokenizer/tokenizer.hpp"
#include "shared_data.hpp"
#include "temporary_directory.hpp"
#include "tokenizer/tokenizer_json.hpp"

namespace lrc {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

std::filesystem::path test_data(const std::string& name) {
  return std::filesystem::path(LRC_SOURCE_DIR) / "tests" / "tokenizer" / "data" / name;
}

// FNV-1a, 64 bits, of the ids as little-endian int32.
std::string fnv1a(const Ids& ids) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const std::int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ ((static_cast<std::uint32_t>(id) >> shift) & 0xFF)) * 0x100000001B3;
    }
  }
  return fmt::format("{:016x}", hash);
}

void expect_golden(const Tokenizer& tokenizer, const std::string& name, const std::string& text) {
  const json golden = read_json_object(test_data("tokenizer_golden.json")).at(name).at(text);
  const bool is_ours = text == "hard_cases.txt";
  const Ids ids = tokenizer.encode(file_bytes(is_ours ? test_data(text) : shared_data("wikitext2/" + text)));
  if (is_ours) {
    EXPECT_EQ(ids, golden.at("ids").get<Ids>()) << name;
  }
  const auto first = golden.at("first").get<Ids>();
  ASSERT_GE(ids.size(), first.size());
  EXPECT_EQ(Ids(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(first.size())), first) << name << ' ' << text;
  EXPECT_EQ(ids.size(), golden.at("count").get<std::size_t>()) << name << ' ' << text;
  EXPECT_EQ(fnv1a(ids), golden.at("fnv1a").get<std::string>()) << name << ' ' << text;
}

void expect_golden_wikitext2(const Tokenizer& tokenizer, const std::string& name) {
  expect_golden(tokenizer, name, "wiki.test.raw");
  expect_golden(tokenizer, name, "wiki.valid.raw");
}

// How Llama 3 and Qwen cut a text: they differ in how many digits go together.
json words_with_numbers(const std::string& numbers) {
  const std::string pattern = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + numbers +
                              R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  return sequence(split("Regex", pattern, "Isolated"), byte_level(false));
}

// Llama 3's way, over the vocabulary of `tokenizer`.
json llama3_style(json tokenizer) {
  tokenizer["pre_tokenizer"] = words_with_numbers(R"(\p{N}{1,3})");
  tokenizer["model"]["ignore_merges"] = true;
  return tokenizer;
}

// Qwen 2 and 3's way; their form is NFC.
json qwen2_style(json tokenizer, const std::string& form) {
  tokenizer["normalizer"] = {{"type", form}};
  tokenizer["pre_tokenizer"] = words_with_numbers(R"(\p{N})");
  return tokenizer;
}

class NormalForm : public testing::TestWithParam<const char*> {};

TEST_P(NormalForm, GivesTheGoldenIds) {
  const std::string form = GetParam(), name = "qwen2-style-" + form;
  const auto tokenizer = JsonFile(qwen2_style(read_json_object(demo_model() / "tokenizer.json"), form)).load();
  expect_golden(*tokenizer, name, "hard_cases.txt");
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  expect_golden_wikitext2(*tokenizer, name);
}

INSTANTIATE_TEST_SUITE_P(GoldenIds, NormalForm, testing::Values("NFC", "NFD", "NFKC", "NFKD"));

TEST(GoldenIds, DemoOnHardCases) {
  expect_golden(*load_tokenizer(demo_model()), "demo-llama", "hard_cases.txt");
  const JsonFile llama3(llama3_style(read_json_object(demo_model() / "tokenizer.json")));
  expect_golden(*llama3.load(), "llama3-style", "hard_cases.txt");
}

TEST(GoldenIds, DemoOnWikiText2) {
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  expect_golden_wikitext2(*load_tokenizer(demo_model()), "demo-llama");
  const JsonFile llama3(llama3_style(read_json_object(demo_model() / "tokenizer.json")));
  expect_golden_wikitext2(*llama3.load(), "llama3-style");
}

class SharedTokenizer : public testing::TestWithParam<const char*> {};

TEST_P(SharedTokenizer, GivesTheGoldenIds) {
  LRC_REQUIRE_SHARED_DATA("tokenizers");
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  const std::string name = GetParam();
  const auto tokenizer = load_tokenizer(shared_data("tokenizers/" + name));
  expect_golden(*tokenizer, name, "hard_cases.txt");
  expect_golden_wikitext2(*tokenizer, name);
}

INSTANTIATE_TEST_SUITE_P(GoldenIds, SharedTokenizer, testing::Values("gpt2", "llama2", "phi3"));

TEST(GoldenIds, SentencepieceModel) {
  LRC_REQUIRE_SHARED_DATA("tokenizers/llama2/tokenizer.model");
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  TemporaryDirectory directory;  // without the tokenizer.json, which would be preferred
  std::filesystem::copy_file(shared_data("tokenizers/llama2/tokenizer.model"), directory / "tokenizer.model");
  const auto tokenizer = load_tokenizer(directory.path());
  EXPECT_EQ(tokenizer->vocabulary_size(), 32000);
  expect_golden(*tokenizer, "llama2-sentencepiece", "hard_cases.txt");
  expect_golden_wikitext2(*tokenizer, "llama2-sentencepiece");
}

TEST(GoldenIds, Llama3StyleOverLongTokens) {
  LRC_REQUIRE_SHARED_DATA("tokenizers/gpt2");
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  const JsonFile file(llama3_style(read_json_object(shared_data("tokenizers/gpt2/tokenizer.json"))));
  const auto tokenizer = file.load();
  expect_golden(*tokenizer, "llama3-style-gpt2", "hard_cases.txt");
  expect_golden_wikitext2(*tokenizer, "llama3-style-gpt2");
}

TEST(GoldenIds, SmolLm2) {
  const char* directory = std::getenv("LRC_SMOLLM2_DIR");
  if (directory == nullptr) GTEST_SKIP() << "LRC_SMOLLM2_DIR does not name the directory of SmolLM2";
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  const auto tokenizer = load_tokenizer(directory);
  expect_golden(*tokenizer, "smollm2", "hard_cases.txt");
  expect_golden_wikitext2(*tokenizer, "smollm2");
}

}  // namespace
}  // namespace lrc
