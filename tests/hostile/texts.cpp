// text.txt: what is no text, or not in UTF-8, and JSON lines that are none.
#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

Situation text(const std::string& name, const std::vector<std::string>& named, const std::string& bytes,
               const std::string& file = "text.txt") {
  std::vector<std::string> all = named;
  all.push_back(file);
  return {"text " + name, all, [=](const fs::path& directory) { write_file(directory / file, bytes); }, file};
}

// Of every character of the text, its code in `size` bytes.
std::string wide(const std::string& text, std::size_t size, bool big_endian) {
  std::string bytes;
  for (const char c : text) bytes += big_endian ? std::string(size - 1, '\0') + c : c + std::string(size - 1, '\0');
  return bytes;
}

}  // namespace

Situations text_situations() {
  const std::string words = repeated("the theory of that hat is here. ", 32);
  Situations all = odd_files("text.txt", "text.txt");
  append(all,
         {text("compressed by gzip", {"gunzip"}, "\x1f\x8b\x08\0\0\0\0\0"s + words),
          text("compressed by gzip, named .npy", {"gunzip"}, "\x1f\x8b\x08\0\0\0\0\0"s + words, "t.npy"),
          text("compressed by zstd", {"unzstd"}, "\x28\xb5\x2f\xfd" + words),
          text("compressed by xz", {"unxz"}, "\xfd\x37zXZ\0"s + words),
          text("compressed by bzip2", {"bunzip2"}, "BZh91AY&SY" + words),
          text("a zip archive", {"zip archive"}, "PK\x03\x04" + words),
          text("a Parquet file", {"pyarrow", "jsonl"}, "PAR1" + words + "PAR1"),
          text("a Parquet file by its name, too", {"pyarrow"}, "PAR1" + words + "PAR1", "t.parquet"),
          text("a PDF", {"pdftotext"}, "%PDF-1.4\n" + words),
          text("a pointer of git-lfs", {"git lfs pull"}, "version https://git-lfs.github.com/spec/v1\n" + words),
          text("a model", {"safetensors"}, safetensors("{\"a\":{}}", words)),
          text("UTF-16 with a mark", {"iconv -f UTF-16"}, "\xff\xfe" + wide(words, 2, false)),
          text("UTF-16 without a mark", {"iconv -f UTF-16LE"}, wide(words, 2, false)),
          text("UTF-16 with the other end first", {"iconv -f UTF-16BE"}, wide(words, 2, true)),
          text("UTF-32 with a mark", {"iconv -f UTF-32"}, "\xff\xfe\0\0"s + wide(words, 4, false)),
          text("UTF-32 without a mark", {"zero"}, wide(words, 4, true)),
          text("Latin-1", {"offset 1027", "0xE9", "WINDOWS-1252"}, words + "caf\xE9"),
          text("cut off within a character", {"offset 1024", "0xE6"}, words + "\xE6\xBC"),
          text("with a zero byte", {"offset 1024", "zero"}, words + "\0"s + words),
          text("named .npy", {"does not start like a .npy file"}, words, "t.npy"),
          text("named .h5", {"HDF5"}, words, "t.h5"),
          text("named .jsonl", {"line 1", "no JSON object"}, words, "t.jsonl"),
          text("JSON lines of another key", {"line 1", "'text'", "content"}, "{\"content\": \"x\"}", "t.jsonl"),
          text("a JSON array", {"line 1", "jq"}, "[{\"text\": \"" + words + "\"}]", "t.json"),
          text("JSON over several lines", {"line 1", "not valid JSON"}, "{\n\"text\": \"" + words + "\"}", "t.json"),
          text("JSON lines of which one isn't", {"line 2"}, "{\"text\": \"the\"}\n{\"text\": 7}\n"),
          text("JSON lines nested deep", {"line 2", "nested"},
               "{\"text\": \"the\"}\n{\"text\":" + repeated("[", 100'000))});
  return all;
}

}  // namespace lrc
