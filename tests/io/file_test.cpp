#include "lrc/io/file.hpp"

#include <gtest/gtest.h>

#include "lrc/core/error.hpp"
#include "lrc/io/hash.hpp"
#include "lrc/io/json.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

std::size_t entries(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

TEST(AtomicFile, AppearsWholeOrNotAtAll) {
  const TemporaryDirectory directory;
  const std::filesystem::path target = directory / "file";
  write_file(target, "old");
  {
    AtomicFile file(target);
    file.write(std::as_bytes(std::span("new", 3)));
    EXPECT_EQ(file_bytes(target), "old");
  }  // not committed
  EXPECT_EQ(file_bytes(target), "old");
  EXPECT_EQ(entries(directory.path()), 1U) << "a temporary file was left";
  write_atomically(target, "new");
  EXPECT_EQ(file_bytes(target), "new");
  EXPECT_EQ(entries(directory.path()), 1U);
}

TEST(AtomicFile, AFullDiskIsNamedWithTheFile) {
  try {
    append_durably("/dev/full", "x");
    FAIL() << "accepted";
  } catch (const CallError& error) {
    EXPECT_NE(std::string(error.what()).find("/dev/full: No space left on device; make room"), std::string::npos)
        << error.what();
  }
}

TEST(InputFile, RefusesWhatIsNoFile) {
  const TemporaryDirectory directory;
  EXPECT_THROW(InputFile(directory.path()), InputError);
  EXPECT_THROW(InputFile(directory / "missing"), InputError);
  EXPECT_THROW(InputFile("/dev/zero"), InputError);
}

TEST(ReadText, RefusesLargerFiles) {
  const TemporaryDirectory directory;
  write_file(directory / "text", "12345");
  EXPECT_EQ(read_text(directory / "text", 5), "12345");
  EXPECT_THROW(read_text(directory / "text", 4), InputError);
}

TEST(Hash, OfPiecesIsThatOfTheWhole) {
  const TemporaryDirectory directory;
  std::string bytes;
  for (int i = 0; i < 3'000'000; ++i) bytes += static_cast<char>(i * 31 + i / 256);
  write_file(directory / "file", bytes);
  EXPECT_EQ(hash_file(directory / "file"), hash_bytes(std::as_bytes(std::span(bytes))));
  EXPECT_EQ(hash_bytes({}), "99aa06d3014798d86001c324468d497f");  // XXH3-128 of nothing, as its specification gives it
  bytes[1'500'000] = static_cast<char>(bytes[1'500'000] ^ 1);
  EXPECT_NE(hash_file(directory / "file"), hash_bytes(std::as_bytes(std::span(bytes))));
}

TEST(Json, RefusesByName) {
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      parse_json_object("some.json", text);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(R"({"a":[{"b":1},{"b":1}]})"), "");
  EXPECT_NE(refusal(R"({"a":1,"a":2})").find("some.json: the JSON has the key \"a\" twice"), std::string::npos);
  EXPECT_NE(refusal("[]").find("not an object"), std::string::npos);
  EXPECT_NE(refusal("{").find("some.json: not valid JSON"), std::string::npos);
  EXPECT_NE(refusal("{\"a\":" + std::string(100000, '[')).find("nested deeper"), std::string::npos);
  EXPECT_EQ(refusal("{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}"), "");
  EXPECT_NE(refusal("{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}").find("nested deeper"),
            std::string::npos);
  std::string many = R"({"a":[0)";
  for (int i = 0; i < 8'000'000; ++i) many += ",0";
  EXPECT_NE(refusal(many + "]}").find("more than 8000000 keys and values"), std::string::npos);
}

}  // namespace
}  // namespace lrc
