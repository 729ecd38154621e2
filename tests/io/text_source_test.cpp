#include "lrc/io/text_source.hpp"

#include <gtest/gtest.h>

#include "lrc/core/error.hpp"
#include "lrc/io/data_kind.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

using namespace std::string_literals;

std::string all_of(TextSource& source) {
  std::string text;
  for (std::string piece; source.next(piece); text += piece) EXPECT_FALSE(piece.empty());
  return text;
}

std::string plain(const std::string& bytes) {
  const TemporaryDirectory directory;
  write_file(directory / "text", bytes);
  return all_of(*open_plain_text(directory / "text"));
}

std::string json_lines(const std::string& bytes, const std::string& key = "text") {
  const TemporaryDirectory directory;
  write_file(directory / "lines", bytes);
  return all_of(*open_json_lines(directory / "lines", key));
}

template <class Work>
std::string refusal(const Work& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "it is not refused";
}

void expect_refusal(const std::string& bytes, const std::string& said) {
  const std::string message = refusal([&] { plain(bytes); });
  EXPECT_NE(message.find(said), std::string::npos) << said << " is not in: " << message;
}

TEST(Text, IsTheFilesWithoutAByteOrderMark) {
  EXPECT_EQ(plain(""), "");
  EXPECT_EQ(plain("a\r\nß 漢 🎉\t\x1b[0m\x0c"), "a\r\nß 漢 🎉\t\x1b[0m\x0c");
  EXPECT_EQ(plain("\xEF\xBB\xBF"), "");
  EXPECT_EQ(plain("\xEF\xBB\xBF\xEF\xBB\xBFx"), "\xEF\xBB\xBFx");
  for (const char* start : {"B", "BZh", "PAR1", "PK", "{"}) EXPECT_EQ(plain(start), start);
  EXPECT_EQ(plain("BZh, said the bee. PAR1 is not Parquet."), "BZh, said the bee. PAR1 is not Parquet.");
}

// Pieces end within characters of two, three and four bytes, wherever they are cut.
TEST(Text, OfManyPiecesIsWhole) {
  for (const char* start : {"", "x", "xx", "xxx"}) {
    std::string text = start;
    while (text.size() < 3'000'000) text += "ß漢🎉";
    EXPECT_TRUE(plain(text) == text);
  }
}

TEST(Text, ThatIsNotUtf8IsRefusedByItsPlace) {
  const std::string many(2'000'000, 'a');
  expect_refusal("caf\xE9 au lait", "is not UTF-8: at offset 3 stands the byte 0xE9");
  expect_refusal("caf\xE9", "at offset 3 stands the byte 0xE9");
  expect_refusal(many + "\xE9 lait", "at offset 2000000 stands the byte 0xE9");
  expect_refusal("ab\xC0\x80", "at offset 2");      // an overlong zero
  expect_refusal("ab\xED\xA0\x80", "at offset 2");  // a surrogate
  expect_refusal("\xEF\xBB\xBF\xFF", "at offset 3");
  expect_refusal("ab\0cd"s, "the byte at offset 2 is zero");
  expect_refusal(many + "\0"s, "the byte at offset 2000000 is zero");
}

TEST(Text, OfAnotherKindIsRefusedByName) {
  for (const auto& [start, said] : std::vector<std::pair<std::string, std::string>>{
           {"\x93NUMPY\1\0v\0{"s, ".npy file"},
           {"\x89HDF\r\n\x1a\n\0\0"s, "HDF5"},
           {std::string(512, ' ') + "\x89HDF\r\n\x1a\n", "HDF5"},
           {"\x1f\x8b\x08\0"s, "gunzip"},
           {"\xfd\x37zXZ\0\0"s, "unxz"},
           {"\x28\xb5\x2f\xfd\x04"s, "unzstd"},
           {"BZh91AY&SY\x8c"s, "bunzip2"},
           {"PK\x03\x04\x14\0"s, "zip archive"},
           {"PAR1\x15\x04PAR1"s, "pyarrow"},
           {"\x40\0\0\0\0\0\0\0{\"__metadata__\""s, "safetensors"},
           {"%PDF-1.7\n"s, "pdftotext"},
           {"version https://git-lfs.github.com/spec/v1\noid sha256:"s, "git lfs pull"},
           {"\xff\xfet\0h\0e\0"s, "iconv -f UTF-16"},
           {"\xfe\xff\0t\0h\0e"s, "iconv -f UTF-16"},
           {"\xff\xfe\0\0t\0\0\0"s, "iconv -f UTF-32"},
           {"\0\0\xfe\xff\0\0\0t"s, "iconv -f UTF-32"},
           {"t\0h\0e\0 \0"s, "iconv -f UTF-16LE"},
           {"\0t\0h\0e\0 "s, "iconv -f UTF-16BE"}}) {
    expect_refusal(start, said);
  }
}

TEST(JsonLines, AreJoinedByAnEmptyLine) {
  EXPECT_EQ(json_lines(""), "");
  EXPECT_EQ(json_lines(R"({"text":"a"})"), "a");
  EXPECT_EQ(json_lines("\xEF\xBB\xBF{\"text\": \"a\", \"id\": 7}\r\n\r\n {\"id\": 8, \"text\": \"b\\n\\u00df\"}\n"),
            "a\n\nb\nß");
  EXPECT_EQ(json_lines("{\"text\":\"\"}\n{\"text\":\"\"}\n{\"text\":\"x\"}\n"), "\n\n\n\nx");
  EXPECT_EQ(json_lines("{\"content\":\"a\",\"text\":1}\n", "content"), "a");
}

TEST(JsonLines, OfManyPiecesAreWhole) {
  std::string file, text;
  for (int i = 0; i < 3000; ++i) {
    const std::string document = std::string(i, 'x') + "ß";
    file += "{\"text\": \"" + document + "\"}\n";
    text += (i == 0 ? "" : "\n\n") + document;
  }
  EXPECT_TRUE(json_lines(file) == text);
}

TEST(JsonLines, ThatHoldSomethingElseAreRefusedByTheirLine) {
  for (const auto& [lines, said] : std::vector<std::pair<std::string, std::string>>{
           {"{\"text\":\"a\"}\n{\"text\":\n", "line 2: not valid JSON"},
           {"{\"text\":\"a\"}\n\nand so on\n", "line 3: is no JSON object"},
           {"[{\"text\":\"a\"}]\n", "jq"},
           {"{\"id\":1,\"content\":\"a\"}\n", "line 1: has no 'text' (the text key); its keys are content, id"},
           {"{\"text\":null}\n", "line 1: has null under 'text', not a string"},
           {"{\"text\":[\"a\"]}\n", "has array under 'text'"},
           {"{\"text\":\"\xE9\"}\n", "0xE9"}}) {
    const std::string message = refusal([&, text = lines] { json_lines(text); });
    EXPECT_NE(message.find(said), std::string::npos) << message;
  }
}

DataKind kind(const std::string& name, const std::string& bytes) {
  const TemporaryDirectory directory;
  write_file(directory / name, bytes);
  return data_kind(directory / name, "text");
}

TEST(DataKind, IsToldByTheContent) {
  for (const char* name : {"data", "data.txt", "data.npy", "data.md", "data.json"}) {
    EXPECT_EQ(kind(name, "\x93NUMPY\1\0v\0"s), DataKind::npy) << name;
    EXPECT_EQ(kind(name, "\x89HDF\r\n\x1a\n\0\0"s), DataKind::hdf5) << name;
    EXPECT_THROW(kind(name, "\x1f\x8b\x08\0"s), InputError) << name;
  }
  for (const char* name : {"data", "data.txt", "data.md", "data.jsonl"}) {
    EXPECT_EQ(kind(name, "\n{\"text\": \"a\"}\nand more"), DataKind::json_lines) << name;
  }
  for (const char* text : {"", "a text", "{ braces }", "{\"text\": 1}", "{\"other\": \"a\"}\n", "[1]", "\n \n"})
    EXPECT_EQ(kind("data", text), DataKind::text) << text;
}

// So that its reader refuses what it doesn't hold.
TEST(DataKind, IsToldByTheNameWhereTheContentCouldBeAnyText) {
  EXPECT_EQ(kind("data.npy", "a text"), DataKind::npy);
  EXPECT_EQ(kind("data.h5", "a text"), DataKind::hdf5);
  for (const char* name : {"data.json", "data.jsonl", "data.ndjson"})
    EXPECT_EQ(kind(name, "{\"other\": \"a\"}"), DataKind::json_lines);
}

}  // namespace
}  // namespace lrc
