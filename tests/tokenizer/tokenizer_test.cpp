#include "lrc/tokenizer/tokenizer.hpp"

#include <gtest/gtest.h>

#include "lrc/core/error.hpp"
#include "temporary_directory.hpp"
#include "tokenizer/tokenizer_json.hpp"

namespace lrc {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

// A tokenizer over characters: every letter of "abcdefgh .?" has the id of its place, then come "ab" 11 and "abc" 12.
json small_tokenizer() {
  json vocabulary = {{"ab", 11}, {"abc", 12}};
  const std::string letters = "abcdefgh .?";
  for (std::size_t i = 0; i < letters.size(); ++i) vocabulary[std::string(1, letters[i])] = i;
  return {{"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"a b", {"ab", "c"}}}}}};
}

json added_token(int id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

Ids encode(const json& description, const std::string& text) { return JsonFile(description).load()->encode(text); }

TEST(JsonTokenizer, MergesByRankAndLeavesOutWhatItDoesNotKnow) {
  EXPECT_EQ(encode(small_tokenizer(), "abcab bcxa"), (Ids{12, 11, 8, 1, 2, 0}));
  EXPECT_EQ(encode(small_tokenizer(), ""), Ids{});
  EXPECT_EQ(JsonFile(small_tokenizer()).load()->vocabulary_size(), 13);
}

TEST(JsonTokenizer, UnknownCharactersFuseOnlyWhenAsked) {
  json tokenizer = small_tokenizer();
  tokenizer["model"]["unk_token"] = "?";
  EXPECT_EQ(encode(tokenizer, "axyb"), (Ids{0, 10, 10, 1}));
  tokenizer["model"]["fuse_unk"] = true;
  EXPECT_EQ(encode(tokenizer, "axyb"), (Ids{0, 10, 1}));
}

TEST(JsonTokenizer, BytesStandInForUnknownCharacters) {
  json tokenizer = small_tokenizer();
  tokenizer["model"]["byte_fallback"] = true;
  tokenizer["model"]["vocab"].update({{"<0xC3>", 20}, {"<0xA9>", 21}});
  EXPECT_EQ(encode(tokenizer, "a\xC3\xA9z"), (Ids{0, 20, 21}));
}

TEST(JsonTokenizer, PiecesDoNotMerge) {
  const std::string text = "ab.abc.. c";
  const auto ids = [&](const std::string& behavior) {
    json tokenizer = small_tokenizer();
    tokenizer["model"]["vocab"].update({{"b.", 20}, {"..", 21}, {".a", 22}});
    tokenizer["model"]["merges"] = {"b .", ". a", ". .", "a b"};
    tokenizer["pre_tokenizer"] = split("String", ".", behavior);
    return encode(tokenizer, text);
  };
  EXPECT_EQ(ids("Isolated"), (Ids{11, 9, 11, 2, 9, 9, 8, 2}));
  EXPECT_EQ(ids("Removed"), (Ids{11, 11, 2, 8, 2}));
  EXPECT_EQ(ids("MergedWithPrevious"), (Ids{0, 20, 11, 2, 9, 9, 8, 2}));
  EXPECT_EQ(ids("MergedWithNext"), (Ids{11, 22, 1, 2, 9, 9, 8, 2}));
  EXPECT_EQ(ids("Contiguous"), (Ids{11, 9, 11, 2, 21, 8, 2}));
}

TEST(JsonTokenizer, WhiteSpaceIsUnicodes) {
  json tokenizer = small_tokenizer();
  tokenizer["model"]["vocab"].update({{"\u0085", 20}, {"\u180E", 21}});
  tokenizer["pre_tokenizer"] = split("Regex", R"(\s)", "Removed");
  EXPECT_EQ(encode(tokenizer, "a\u0085 \u180E"), (Ids{0, 21}));
}

TEST(JsonTokenizer, AddedTokensAreFoundInTheText) {
  json tokenizer = small_tokenizer();
  tokenizer["added_tokens"] = {added_token(30, "<x>"), added_token(31, "<x><x>"), added_token(32, "bca")};
  EXPECT_EQ(encode(tokenizer, "a<x><x><x>bbca <x"), (Ids{0, 31, 30, 1, 32, 8}));
  tokenizer["added_tokens"][2]["single_word"] = true;
  EXPECT_EQ(encode(tokenizer, "bca bcad ?bca"), (Ids{32, 8, 1, 2, 0, 3, 8, 10, 32}));
  tokenizer["added_tokens"][2]["lstrip"] = true;
  EXPECT_EQ(encode(tokenizer, "a \u3000 bca a"), (Ids{0, 32, 8, 0}));
  tokenizer["added_tokens"][2]["rstrip"] = true;
  EXPECT_EQ(encode(tokenizer, "a  bca\n\t a"), (Ids{0, 32, 0}));
}

TEST(JsonTokenizer, AddedTokensOfWhiteSpaceVanishInTheirNeighbours) {
  json tokenizer = small_tokenizer();
  for (const auto& [id, content] : {std::pair(30, "  "), {31, "<x>"}}) {
    json token = added_token(id, content);
    token["lstrip"] = token["rstrip"] = true;
    tokenizer["added_tokens"].push_back(token);
  }
  EXPECT_EQ(encode(tokenizer, "a     b <x>   c"), (Ids{0, 30, 1, 31, 2}));
}

TEST(JsonTokenizer, NormalizersRunBetweenAddedTokens) {
  json tokenizer = small_tokenizer();
  const json prepend = {{"type", "Prepend"}, {"prepend", "a"}};
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", "g"}}}, {"content", "bc"}};
  tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", {prepend, replace}}};
  tokenizer["added_tokens"] = {added_token(30, "<x>")};
  EXPECT_EQ(encode(tokenizer, "gg<x>g"), (Ids{12, 1, 2, 30, 12}));
}

TEST(JsonTokenizer, NormalizerThatGrowsWithoutEndIsRefused) {
  json tokenizer = small_tokenizer();
  const json twice = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array_t(60, twice)}};
  EXPECT_THROW(encode(tokenizer, "a b"), InputError);
  json token = added_token(30, "a");
  token["normalized"] = true;
  tokenizer["added_tokens"] = {token};
  EXPECT_THROW(JsonFile(tokenizer).load(), InputError);
}

TEST(JsonTokenizer, MetaspacePrependsByScheme) {
  const auto ids = [](const std::string& scheme) {
    json tokenizer = small_tokenizer();
    tokenizer["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "?"}, {"prepend_scheme", scheme}};
    tokenizer["added_tokens"] = {added_token(30, "<x>")};
    return encode(tokenizer, "a b<x>c");
  };
  EXPECT_EQ(ids("always"), (Ids{10, 0, 10, 1, 30, 10, 2}));
  EXPECT_EQ(ids("first"), (Ids{10, 0, 10, 1, 30, 2}));
  EXPECT_EQ(ids("never"), (Ids{0, 10, 1, 30, 2}));
}

TEST(JsonTokenizer, LongPieceIsMergedInOneGo) {
  json tokenizer = small_tokenizer();
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "abc";
  EXPECT_EQ(encode(tokenizer, text), Ids(300'000, 12));
}

// What is wrong with `tokenizer`, which must be refused.
std::string refusal(const json& tokenizer) {
  try {
    JsonFile(tokenizer).load();
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(JsonTokenizer, RefusesByName) {
  const auto with = [](const std::string& pointer, const json& value) {
    json tokenizer = small_tokenizer();
    tokenizer[json::json_pointer(pointer)] = value;
    return refusal(tokenizer);
  };
  const std::vector<std::tuple<std::string, json, std::string>> cases = {
      {"/model/type", "Unigram", "model Unigram"},
      {"/model/dropout", 0.1, "dropout"},
      {"/model/end_of_word_suffix", "</w>", "end_of_word_suffix"},
      {"/model/continuing_subword_prefix", "##", "continuing_subword_prefix"},
      {"/model/unk_token", "<none>", "\"<none>\" is not in the vocabulary"},
      {"/model/vocab/a", -1, "\"a\" has the id -1"},
      {"/model/vocab/a", 2147483648, "2147483648"},
      {"/model/vocab/a", 1.5, "1.5"},
      {"/model/vocab", json::array(), "not a tokenizer"},
      {"/model/merges/0", "z a", "\"z\" is not in the vocabulary"},
      {"/model/merges/0", "b a", "\"ba\" is not in the vocabulary"},
      {"/model/merges/0", "a b c", "\"a b c\" is not a pair"},
      {"/model/merges/0", 7, "merge 7"},
      {"/model/byte_fallback", "yes", "not a tokenizer"},
      {"/normalizer", {{"type", "Lowercase"}}, "normalizer Lowercase"},
      {"/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "a+"}}}, {"content", ""}}, "Replace"},
      {"/pre_tokenizer", {{"type", "Whitespace"}}, "pre_tokenizer Whitespace"},
      {"/pre_tokenizer", split("Regex", "(a", "Isolated"), "(a"},
      {"/pre_tokenizer", split("Regex", R"(\X)", "Isolated"), R"(\X)"},
      {"/pre_tokenizer", split("Regex", "[a&&b]", "Isolated"), "&&"},
      {"/pre_tokenizer", split("Regex", "(?m:a)", "Isolated"), "(?"},
      {"/pre_tokenizer", split("String", ".", "Doubled"), "Doubled"},
      {"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "__"}}, "replacement"},
      {"/added_tokens", json::array({{{"id", 3}}}), "not a tokenizer"},
      {"/added_tokens", json::array({added_token(5, "a")}), "\"a\" has the id 5, but 0"},
  };
  for (const auto& [pointer, value, problem] : cases) {
    const std::string message = with(pointer, value);
    EXPECT_NE(message.find(problem), std::string::npos) << pointer << ": " << message;
    EXPECT_NE(message.find("tokenizer.json"), std::string::npos) << message;
  }
}

TEST(JsonTokenizer, PatternThatBacktracksWithoutEndIsRefusedInTheText) {
  json tokenizer = small_tokenizer();
  tokenizer["pre_tokenizer"] = split("Regex", "(?:a|a)*(?:b|c)", "Isolated");
  EXPECT_THROW(encode(tokenizer, std::string(64, 'a')), InputError);
}

TEST(LoadTokenizer, NamesBothFilesWhereThereIsNone) {
  TemporaryDirectory directory;
  try {
    load_tokenizer(directory.path());
    FAIL() << "an empty directory was accepted";
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("tokenizer.json"), std::string::npos) << message;
    EXPECT_NE(message.find("tokenizer.model"), std::string::npos) << message;
  }
}

TEST(LoadTokenizer, RefusesDamagedSentencepieceModels) {
  TemporaryDirectory directory;
  for (const std::string& bytes : {std::string(), std::string("not a model"), std::string(1000, '\x0A')}) {
    write_file(directory / "tokenizer.model", bytes);
    EXPECT_THROW(load_tokenizer(directory.path()), InputError);
  }
}

}  // namespace
}  // namespace lrc
