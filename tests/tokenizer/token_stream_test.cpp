// A text that is tokenized part by part has the ids of the whole, wherever the parts end.
#include "lrc/tokenizer/token_stream.hpp"

#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <random>

#include "lrc/io/json.hpp"
#include "lrc/tokenizer/utf8.hpp"
#include "shared_data.hpp"
#include "temporary_directory.hpp"
#include "tokenizer/tokenizer_json.hpp"

namespace lrc {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

// A text in pieces of `size` bytes, or a few less.
class TextInPieces : public TextSource {
 public:
  TextInPieces(std::string text, std::size_t size) : text_(std::move(text)), size_(size) {}

  bool next(std::string& piece) override {
    const std::size_t begin = done_;
    while (done_ < text_.size() && (done_ == begin || done_ + utf8_length(text_[done_]) <= begin + size_))
      done_ += utf8_length(text_[done_]);
    piece = text_.substr(begin, done_ - begin);
    return !piece.empty();
  }

  std::size_t done() const { return done_; }

 private:
  std::string text_;
  std::size_t size_, done_ = 0;
};

// Remembers the largest part that it was given.
class Watched : public Tokenizer {
 public:
  explicit Watched(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  Front encode_front(const TextPart& part) const override {
    largest_ = std::max(largest_, part.text.size());
    return tokenizer_.encode_front(part);
  }
  Index vocabulary_size() const override { return tokenizer_.vocabulary_size(); }
  std::size_t largest() const { return largest_; }

 private:
  const Tokenizer& tokenizer_;
  mutable std::size_t largest_ = 0;
};

// What texts are made of that part where a part of them ends: white space, words, marks, special tokens.
const std::vector<std::string> kBits = {
    " ",      "  ",     "\n",           "\r\n",       "\n\n",   "\t",     "\u00A0", "\u3000",
    "a",      "the",    "They",         "'re",        "'",      "s",      "ll",     "x",
    "ab",     "b",      "bc",           "1",          "23",     "456",    ".",      ",",
    "?!",     "<",      "s>",           "<s>",        "</s>",   "<|",     "|>",     "<|endoftext|>",
    "<|end",  "<x>",    "<xx>",         "e\u0301",    "\u0301", "\u0300", "\u0323", "\u1100",
    "\u1161", "\u11A8", "\uAC00",       "\u3042",     "\u3099", "\u4E2D", "\u6587", "\u3002",
    "\uFF0C", "\u2581", "\u2581\u2581", "\U0001F642", "\u00E9", "\uFB01", "\uFF76", "\uFF9E",
    "\u314F", "\u0915", "\u093C",       "\u09C7",     "\u09BE", "_",      "0x",     "\u0085"};

std::string random_text(std::mt19937& random) {
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  std::string text;
  for (std::size_t bits = 1 + below(60); bits > 0; --bits) {
    const std::string& bit = kBits[below(kBits.size())];
    for (std::size_t times = below(12) == 0 ? 1 + below(30) : 1; times > 0; --times) text += bit;
  }
  return text;
}

void expect_same_ids_of(const std::string& name, const Tokenizer& tokenizer, int texts) {
  std::mt19937 random(static_cast<std::mt19937::result_type>(std::hash<std::string>{}(name)));
  for (int i = 0; i < texts; ++i) {
    const std::string text = random_text(random);
    const Ids whole = tokenizer.encode(text);
    for (const std::size_t part : {1, 7, 20, 60}) {
      TextInPieces pieces(text, 1 + random() % 50);
      ASSERT_EQ(encode_stream(tokenizer, pieces, {.part = part}), whole) << name << ", parts of " << part << ":\n"
                                                                         << text;
    }
  }
}

void expect_same_ids(const std::string& name, const json& description, int texts = 40) {
  const TemporaryDirectory directory;
  write_file(directory / "tokenizer.json", description.dump());
  expect_same_ids_of(name, *load_json_tokenizer(directory / "tokenizer.json"), texts);
}

// WikiText goes through in parts that are about as large as was asked.
void expect_small_parts(const std::string& name, const Tokenizer& tokenizer) {
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  const std::string text = replace_invalid_utf8(file_bytes(shared_data("wikitext2/wiki.test.raw")).substr(0, 200'000));
  TextInPieces pieces(text, 1000);
  const Watched watched(tokenizer);
  EXPECT_EQ(encode_stream(watched, pieces, {.part = 4000}), tokenizer.encode(text)) << name;
  EXPECT_LE(watched.largest(), 8004U) << name;
}

json demo_tokenizer() { return read_json_object(demo_model() / "tokenizer.json"); }

json added(int id, const std::string& content, bool normalized) {
  return {{"id", id},        {"content", content},       {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", normalized}, {"special", true}};
}

// Single characters of kBits, some pairs that merge, and byte tokens for the rest: no pre-tokenizer of its own.
json small_tokenizer() {
  json vocabulary = json::object();
  for (const std::string& bit : kBits) {
    for (std::size_t at = 0; at < bit.size(); at += utf8_length(bit[at]))
      vocabulary.emplace(bit.substr(at, utf8_length(bit[at])), vocabulary.size());
  }
  for (const char* unknown : {"\U0001F642", "\uFF0C", "?"}) vocabulary.erase(unknown);
  json merges = json::array();
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{{"a", "b"},
                                                                                    {"ab", "b"},
                                                                                    {"\u2581", "t"},
                                                                                    {"\u2581", "\u2581"},
                                                                                    {"h", "e"},
                                                                                    {"\u2581t", "he"},
                                                                                    {"2", "3"},
                                                                                    {" ", "t"},
                                                                                    {" t", "he"},
                                                                                    {"s", "."},
                                                                                    {".", "x"},
                                                                                    {"\u4E2D", "\u6587"},
                                                                                    {"\u3002", "\n"},
                                                                                    {"\n", "\n"},
                                                                                    {"l", "x"},
                                                                                    {"l", "l"}}) {
    vocabulary.emplace(left + right, 1000 + merges.size());
    merges.push_back(json::array({left, right}));
  }
  vocabulary["<unk>"] = 2000;
  return {{"model",
           {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}, {"unk_token", "<unk>"}, {"fuse_unk", true}}},
          {"added_tokens", {added(3000, "<s>", false), added(3001, "<|endoftext|>", true)}}};
}

json metaspace(const std::string& scheme, bool split) {
  return {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", split}};
}

json replaced(const std::string& from, const std::string& to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

const std::string kLlama3Words = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
                                 R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

TEST(TokenStream, PreTokenizersCutAlike) {
  json tokenizer = small_tokenizer();
  const auto expect = [&](const std::string& name, const json& pretokenizer) {
    tokenizer["pre_tokenizer"] = pretokenizer;
    expect_same_ids(name, tokenizer);
  };
  expect("none", nullptr);
  for (const char* behavior : {"Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"}) {
    for (const bool invert : {false, true}) {
      for (const char* pattern :
           {R"(\s+)", R"([ab]+)", "a(?!b)", R"(\p{L}+|\s+(?!\S))", "(?<=a)b", "^a", "x*", "a|ab|the"}) {
        json step = split("Regex", pattern, behavior);
        step["invert"] = invert;
        expect(fmt::format("{} {} {}", pattern, behavior, invert), step);
      }
    }
  }
  for (const char* scheme : {"always", "first", "never"}) {
    for (const bool split : {false, true}) expect(fmt::format("{} {}", scheme, split), metaspace(scheme, split));
  }
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  expect("digits and words", sequence(digits, split("Regex", kLlama3Words, "Isolated")));
  expect("words and white space", sequence(split("Regex", kLlama3Words, "Isolated"), metaspace("always", true)));
  expect("white space and words", sequence(metaspace("always", false), split("Regex", R"(\p{L}+)", "Isolated")));
}

TEST(TokenStream, NormalizersCutAlike) {
  json tokenizer = small_tokenizer();
  const auto expect = [&](const std::string& name, const json& steps) {
    tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
    for (const json& pretokenizer : {json(), split("Regex", kLlama3Words, "Isolated"), metaspace("first", false)}) {
      tokenizer["pre_tokenizer"] = pretokenizer;
      expect_same_ids(name, tokenizer);
    }
  };
  const json prepend = {{"type", "Prepend"}, {"prepend", "\u2581"}};
  expect("llama", {prepend, replaced(" ", "\u2581")});
  expect("prepend last", {replaced("x", ""), prepend});
  expect("longer patterns", {replaced("ab", "b"), replaced("bb", "\u4E2D"), replaced("  ", " ")});
  for (const char* form : {"NFC", "NFD", "NFKC", "NFKD"}) {
    expect(form, {{{"type", form}}});
    expect(form, {replaced("e", "e\u0301"), {{"type", form}}, replaced("\u00E9", "ab"), replaced("\u0301", " ")});
  }
}

TEST(TokenStream, AddedTokensCutAlike) {
  json tokenizer = small_tokenizer();
  for (int kind = 0; kind < 16; ++kind) {
    tokenizer["added_tokens"] = json::array();
    int id = 3000;
    for (const char* content : {"<x>", "<x><x>", "They", "  ", "<|endoftext|>", "the x"}) {
      json token = added(id++, content, (kind & 8) != 0);
      token["single_word"] = (kind & 1) != 0;
      token["lstrip"] = (kind & 2) != 0;
      token["rstrip"] = (kind & 4) != 0;
      tokenizer["added_tokens"].push_back(token);
    }
    expect_same_ids(fmt::format("added tokens, kind {}", kind), tokenizer, 200);
  }
}

TEST(TokenStream, ModelsCutAlike) {
  json tokenizer = small_tokenizer();
  for (const bool flag : {false, true}) {
    for (const char* name : {"byte_fallback", "ignore_merges", "fuse_unk"}) {
      tokenizer["model"][name] = flag;
      expect_same_ids(name, tokenizer);
    }
  }
}

// Wherever what is known of the text ends.
void expect_same_ids_in(const std::string& text, json description) {
  description.erase("added_tokens");  // which keep the end of what is known from being used
  const TemporaryDirectory directory;
  write_file(directory / "tokenizer.json", description.dump());
  const auto tokenizer = load_json_tokenizer(directory / "tokenizer.json");
  for (std::size_t known = 0; known < text.size(); known += utf8_length(text[known])) {
    Front front = tokenizer->encode_front({std::string_view(text).substr(0, known), true, false});
    const Front rest = tokenizer->encode_front({std::string_view(text).substr(front.size), front.size == 0, true});
    front.ids.insert(front.ids.end(), rest.ids.begin(), rest.ids.end());
    EXPECT_EQ(front.ids, tokenizer->encode(text)) << text << ", of which " << known << " bytes are known";
  }
}

TEST(TokenStream, ModelsCutAlikeWhereWholePiecesCount) {
  json tokenizer = small_tokenizer();
  tokenizer["model"]["ignore_merges"] = true;
  tokenizer["model"]["vocab"]["x a1xa"] = 4000;
  expect_same_ids_in("x a1xa", tokenizer);
}

TEST(TokenStream, ModelsCutAlikeWhereTokensShareAnId) {
  json tokenizer = small_tokenizer();
  tokenizer["model"]["vocab"]["ab"] = tokenizer["model"]["vocab"]["x"];
  tokenizer["model"]["vocab"]["xt"] = 4000;
  tokenizer["model"]["merges"].push_back({"x", "t"});
  expect_same_ids_in("1abthe abt x", tokenizer);
}

TEST(TokenStream, NormalizersKnowThatAMarkMayFollow) {
  json tokenizer = small_tokenizer();
  tokenizer["normalizer"] = {{"type", "NFC"}};
  tokenizer["pre_tokenizer"] = split("String", "1e", "Isolated");
  tokenizer["model"]["vocab"]["a1"] = 4000;
  tokenizer["model"]["merges"].push_back({"a", "1"});
  expect_same_ids_in("xa1e\u0301x", tokenizer);
}

TEST(TokenStream, OfTheDemoModel) {
  json tokenizer = demo_tokenizer();
  expect_same_ids("demo", tokenizer);
  expect_small_parts("demo", *load_tokenizer(demo_model()));
  tokenizer["pre_tokenizer"]["add_prefix_space"] = true;
  expect_same_ids("with a space in front", tokenizer);
  tokenizer["pre_tokenizer"] = sequence(split("Regex", kLlama3Words, "Isolated"), byte_level(false));
  for (const bool ignore_merges : {false, true}) {
    tokenizer["model"]["ignore_merges"] = ignore_merges;
    expect_same_ids("llama 3", tokenizer);
  }
  tokenizer["normalizer"] = {{"type", "NFC"}};
  expect_same_ids("qwen", tokenizer);
  expect_small_parts("qwen", *JsonFile(tokenizer).load());
}

class StreamOfSharedTokenizer : public testing::TestWithParam<const char*> {};

TEST_P(StreamOfSharedTokenizer, HasTheIdsOfTheWhole) {
  LRC_REQUIRE_SHARED_DATA("tokenizers");
  const std::filesystem::path file = shared_data(fmt::format("tokenizers/{}/tokenizer.json", GetParam()));
  expect_same_ids(GetParam(), read_json_object(file));
  expect_small_parts(GetParam(), *load_json_tokenizer(file));
}

INSTANTIATE_TEST_SUITE_P(TokenStream, StreamOfSharedTokenizer, testing::Values("gpt2", "llama2", "phi3"));

// Every part is encoded in another process: few texts.
TEST(TokenStream, OfSentencepiece) {
  LRC_REQUIRE_SHARED_DATA("tokenizers/llama2/tokenizer.model");
  LRC_REQUIRE_SHARED_DATA("wikitext2");
  const auto tokenizer = load_sentencepiece_tokenizer(shared_data("tokenizers/llama2/tokenizer.model"));
  const std::string text = file_bytes(shared_data("wikitext2/wiki.test.raw")).substr(0, 200'000);
  TextInPieces pieces(replace_invalid_utf8(text), 1000);
  const Watched watched(*tokenizer);
  EXPECT_EQ(encode_stream(watched, pieces, {.part = 20'000}), tokenizer->encode(text));
  EXPECT_LE(watched.largest(), 40'000U);
  expect_same_ids_of("sentencepiece", *tokenizer, 5);
}

// The library itself is given the whole text at once.
TEST(TokenStream, SentencepieceGivesWordsTheirIdsOfTheWhole) {
  LRC_REQUIRE_SHARED_DATA("tokenizers/llama2/tokenizer.model");
  const std::filesystem::path file = shared_data("tokenizers/llama2/tokenizer.model");
  const auto tokenizer = load_sentencepiece_tokenizer(file);
  sentencepiece::SentencePieceProcessor library;
  ASSERT_TRUE(library.Load(file.string()).ok());
  std::mt19937 random(1);
  for (int i = 0; i < 5; ++i) {
    std::string text;
    while (text.size() < 50'000) text += random_text(random) + (random() % 2 == 0 ? " the" : " ");
    std::vector<int> whole;
    ASSERT_TRUE(library.Encode(text, &whole).ok());
    EXPECT_EQ(tokenizer->encode(text), whole);
  }
}

TEST(TokenStream, ReadsNoMoreThanItNeeds) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "the x ";
  const auto tokenizer = load_tokenizer(demo_model());
  TextInPieces pieces(text, 1000);
  const Ids first = encode_stream(*tokenizer, pieces, {.most = 64});
  EXPECT_EQ(first.size(), 64U);
  EXPECT_LT(pieces.done(), 100'000U);
  const Ids all = tokenizer->encode(text.substr(0, 1000));
  EXPECT_EQ(first, Ids(all.begin(), all.begin() + 64));
}

TEST(TokenStream, GrowsItsPartsWhereATextCannotBeCut) {
  const std::string text(100'000, ' ');
  const auto tokenizer = load_tokenizer(demo_model());
  TextInPieces pieces(text, 1000);
  EXPECT_EQ(encode_stream(*tokenizer, pieces, {.part = 100}), tokenizer->encode(text));
}

TEST(TokenStream, OfNothingIsEmpty) {
  const auto tokenizer = load_tokenizer(demo_model());
  TextInPieces nothing("", 1);
  EXPECT_EQ(encode_stream(*tokenizer, nothing), Ids());
}

}  // namespace
}  // namespace lrc
