// A file that may be text: what it is, and the text of it, plain or JSON lines.
#include "fuzz.hpp"
#include "lrc/io/data_kind.hpp"
#include "lrc/io/text_source.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("data", data, size, [](const auto& file) {
    const lrc::DataKind kind = lrc::data_kind(file, "text");
    if (kind == lrc::DataKind::npy || kind == lrc::DataKind::hdf5) return;
    const auto text =
        kind == lrc::DataKind::json_lines ? lrc::open_json_lines(file, "text") : lrc::open_plain_text(file);
    for (std::string piece; text->next(piece);) {
    }
  });
  return 0;
}
