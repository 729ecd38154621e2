#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "lrc/core/error.hpp"
#include "lrc/io/data_kind.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/text_source.hpp"

namespace lrc {
namespace {

// How many bytes at the front are whole characters of UTF-8, without U+0000, which text files don't hold.
std::size_t text_length(std::string_view bytes) {
  const auto* start = reinterpret_cast<const utf8proc_uint8_t*>(bytes.data());
  std::size_t length = 0;
  while (length < bytes.size()) {
    utf8proc_int32_t character = 0;
    const utf8proc_ssize_t taken =
        utf8proc_iterate(start + length, static_cast<utf8proc_ssize_t>(bytes.size() - length), &character);
    if (taken <= 0 || character == 0) break;
    length += static_cast<std::size_t>(taken);
  }
  return length;
}

class PlainText : public TextSource {
 public:
  explicit PlainText(const std::filesystem::path& path) : file_(path) {
    demand_text(file_);
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    std::string start(std::min<std::uint64_t>(kMark.size(), file_.size()), '\0');
    file_.read(0, std::as_writable_bytes(std::span(start)));
    if (start == kMark) at_ = kMark.size();
  }

  bool next(std::string& piece) override {
    constexpr std::uint64_t kPiece = std::uint64_t{1} << 20, kLongestCharacter = 4;
    piece.resize(std::min(kPiece, file_.size() - at_));
    file_.read(at_, std::as_writable_bytes(std::span(piece)));
    const std::size_t length = text_length(piece);
    const bool cut_off = at_ + piece.size() < file_.size();  // within a character, perhaps
    if (piece.size() - length >= (cut_off ? kLongestCharacter : 1)) refuse(at_ + length, piece[length]);
    piece.resize(length);
    at_ += length;
    return length > 0;
  }

 private:
  [[noreturn]] void refuse(std::uint64_t offset, char byte) const {
    const std::string path = file_.path().string();
    if (byte == '\0')
      throw InputError(path, fmt::format("is no text: the byte at offset {} is zero, as in binary files", offset));
    throw InputError(path, fmt::format("is not UTF-8: at offset {} stands the byte 0x{:02X}. If it is Latin-1 or "
                                       "Windows-1252, convert it: iconv -f WINDOWS-1252 -t UTF-8 '{}'",
                                       offset, static_cast<unsigned char>(byte), path));
  }

  InputFile file_;
  std::uint64_t at_ = 0;
};

}  // namespace

std::unique_ptr<TextSource> open_plain_text(const std::filesystem::path& file) {
  return std::make_unique<PlainText>(file);
}

}  // namespace lrc
