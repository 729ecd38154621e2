#include "lrc/io/data_kind.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "lrc/core/error.hpp"
#include "lrc/io/text_source.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr std::string_view kNpy = "\x93NUMPY";
constexpr std::string_view kHdf5 = "\x89HDF\r\n\x1a\n";

// What a file starts with, what it then is, and what to do: "{}" is the file.
struct Signature {
  std::string_view start, name, advice;
};

constexpr std::string_view kFromParquet =
    "make JSON lines of it: python3 -c \"import json, pyarrow.parquet as p; "
    "[print(json.dumps(row, default=str)) for row in p.read_table('{0}').to_pylist()]\" > '{0}.jsonl'";

// UTF-32 stands before UTF-16, whose mark it starts with.
constexpr std::array kForeign{
    Signature{kNpy, "a .npy file", "it holds numbers, no text"},
    Signature{"\x1f\x8b"sv, "compressed by gzip", "unpack it: gunzip -k '{}'"},
    Signature{"\xfd\x37zXZ\0"sv, "compressed by xz", "unpack it: unxz -k '{}'"},
    Signature{"\x28\xb5\x2f\xfd"sv, "compressed by zstd", "unpack it: unzstd '{}'"},
    Signature{"PK\x03\x04"sv, "a zip archive, as .npz and .docx are, too", "unpack it"},
    Signature{"%PDF-"sv, "a PDF document", "extract its text: pdftotext '{}'"},
    Signature{"version https://git-lfs.github.com/spec/"sv, "a pointer of git-lfs, not the file itself",
              "fetch it: git lfs pull"},
    Signature{"\xff\xfe\0\0"sv, "text in UTF-32", "convert it: iconv -f UTF-32 -t UTF-8 '{}'"},
    Signature{"\0\0\xfe\xff"sv, "text in UTF-32", "convert it: iconv -f UTF-32 -t UTF-8 '{}'"},
    Signature{"\xff\xfe"sv, "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 '{}'"},
    Signature{"\xfe\xff"sv, "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 '{}'"}};

std::string bytes_at(const InputFile& file, std::uint64_t offset, std::uint64_t most) {
  if (offset >= file.size()) return "";
  std::string bytes(std::min(most, file.size() - offset), '\0');
  file.read(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

// The words that bzip2 and Parquet start with could be those of a text.
bool is_bzip2(std::string_view head) { return head.starts_with("BZh") && head.find("1AY&SY") == 4; }

bool is_parquet(const InputFile& file) {
  constexpr std::string_view kMark = "PAR1";  // at both ends
  return file.size() >= 2 * kMark.size() && bytes_at(file, 0, kMark.size()) == kMark &&
         bytes_at(file, file.size() - kMark.size(), kMark.size()) == kMark;
}

// A header's length, in eight bytes, and the JSON header.
bool is_safetensors(std::string_view head) { return head.size() > 8 && head.substr(5, 4) == "\0\0\0{"sv; }

// Latin text in UTF-16 has a zero byte in every character.
std::string_view encoding_without_mark(std::string_view head) {
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < head.size(); ++i) zeros[i % 2] += head[i] == '\0' ? 1 : 0;
  const std::size_t many = head.size() / 4;
  if (zeros[0] == 0 && zeros[1] > many) return "UTF-16LE";
  return zeros[1] == 0 && zeros[0] > many ? "UTF-16BE" : "";
}

[[noreturn]] void refuse(const InputFile& file, std::string_view what, std::string_view advice) {
  const std::string path = file.path().string();
  throw InputError(path, fmt::format("is {}; {}", what, fmt::format(fmt::runtime(advice), path)));
}

}  // namespace

bool is_npy(const InputFile& file) { return bytes_at(file, 0, kNpy.size()) == kNpy; }

// A block of the user's own, of 512 bytes or a power of two times that, may stand before HDF5's.
bool is_hdf5(const InputFile& file) {
  constexpr std::uint64_t kLargestUserBlock = 1 << 16;
  for (std::uint64_t offset = 0; offset <= kLargestUserBlock; offset = std::max<std::uint64_t>(512, 2 * offset)) {
    if (bytes_at(file, offset, kHdf5.size()) == kHdf5) return true;
  }
  return false;
}

void demand_text(const InputFile& file) {
  constexpr std::uint64_t kHead = 4096;
  const std::string head = bytes_at(file, 0, kHead);
  for (const Signature& signature : kForeign) {
    if (head.starts_with(signature.start)) refuse(file, signature.name, signature.advice);
  }
  if (is_hdf5(file)) refuse(file, "an HDF5 file", "it holds numbers, no text");
  if (is_safetensors(head)) refuse(file, "a safetensors file", "it holds tensors, no text");
  if (is_bzip2(head)) refuse(file, "compressed by bzip2", "unpack it: bunzip2 -k '{}'");
  if (is_parquet(file)) refuse(file, "a Parquet file", kFromParquet);
  if (const std::string_view encoding = encoding_without_mark(head); !encoding.empty())
    refuse(file, fmt::format("text in {}", encoding), fmt::format("convert it: iconv -f {} -t UTF-8 '{{}}'", encoding));
}

DataKind data_kind(const fs::path& file, const std::string& text_key) {
  {
    const InputFile input(file);
    if (is_npy(input)) return DataKind::npy;
    if (is_hdf5(input)) return DataKind::hdf5;
    demand_text(input);
  }
  const std::string ending = file.extension().string();
  if (ending == ".npy") return DataKind::npy;  // whose reader says what is wrong
  if (ending == ".h5") return DataKind::hdf5;
  if (ending == ".jsonl" || ending == ".ndjson" || ending == ".json") return DataKind::json_lines;
  return starts_with_json_line(file, text_key) ? DataKind::json_lines : DataKind::text;
}

}  // namespace lrc
