#include "lrc/io/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "lrc/core/error.hpp"
#include "lrc/io/data_kind.hpp"

namespace lrc {
namespace {

struct IntegerType {
  std::size_t size = 0;  // bytes
  bool is_signed = false, is_big_endian = false;
};

struct NpyHeader {
  IntegerType type;
  std::uint64_t data = 0;  // offset of the first element
  std::uint64_t elements = 0;
  std::uint64_t stride = 1;  // between elements that are neighbours in the file, counted in rows' order
};

[[noreturn]] void refuse(const InputFile& file, const std::string& problem) {
  throw InputError(file.path().string(), problem);
}

// What follows the key in a Python dictionary of known keys, as numpy writes it.
std::string_view value_of(std::string_view dictionary, const std::string& key) {
  const std::string start = fmt::format("'{}':", key);
  const std::size_t at = dictionary.find(start);
  if (at == std::string_view::npos) return {};
  dictionary.remove_prefix(at + start.size());
  return dictionary.substr(std::min(dictionary.find_first_not_of(' '), dictionary.size()));
}

// "'<u2'" without its quotes; empty where it is no text.
std::string_view text_of(std::string_view value) {
  if (!value.starts_with('\'')) return {};
  const std::size_t end = value.find('\'', 1);
  return end == std::string_view::npos ? std::string_view() : value.substr(1, end - 1);
}

// The sizes in "(6,)" or "(2, 3)"; none where it is no tuple of sizes.
std::vector<std::uint64_t> sizes_of(std::string_view value) {
  std::vector<std::uint64_t> sizes;
  for (char separator = '('; value.starts_with(separator); separator = ',') {
    value.remove_prefix(1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (value.starts_with(')')) return sizes;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), sizes.emplace_back());
    if (error != std::errc()) return {};
    value.remove_prefix(static_cast<std::size_t>(end - value.data()));
  }
  return value.starts_with(')') ? sizes : std::vector<std::uint64_t>();
}

// "<u2": byte order (< little, > big, = and | that of the machine), kind, bytes.
IntegerType integer_type(const InputFile& file, std::string_view text) {
  constexpr std::string_view kOrders = "<>=|", kKinds = "iu", kSizes = "1248";
  const auto is_one_of = [&](std::size_t at, std::string_view allowed) {
    return allowed.find(text[at]) != std::string_view::npos;
  };
  if (text.size() != 3 || !is_one_of(0, kOrders) || !is_one_of(1, kKinds) || !is_one_of(2, kSizes)) {
    refuse(file, fmt::format("holds numbers of type '{}', but token ids are integers of 1, 2, 4 or 8 bytes; save them "
                             "with astype('int32')",
                             text));
  }
  return {.size = static_cast<std::size_t>(text[2] - '0'),
          .is_signed = text[1] == 'i',
          .is_big_endian = text[0] == '>' || (text[0] != '<' && std::endian::native == std::endian::big)};
}

std::uint64_t elements_of(const InputFile& file, const std::vector<std::uint64_t>& sizes) {
  if (sizes.empty() || sizes.size() > 2) refuse(file, "has neither one nor two dimensions");
  std::uint64_t elements = 1;
  for (const std::uint64_t size : sizes) {
    if (size != 0 && elements > file.size() / size)
      refuse(file, fmt::format("its header promises more ids than its {} bytes can hold", file.size()));
    elements *= size;
  }
  return elements;
}

bool is_in_fortran_order(const InputFile& file, std::string_view value) {
  if (!value.starts_with("True") && !value.starts_with("False"))
    refuse(file, "its header does not say whether it is in Fortran order");
  return value.starts_with("True");
}

NpyHeader read_header(const InputFile& file) {
  std::array<char, 12> start{};
  if (file.size() < start.size()) refuse(file, "is too short for a .npy file");
  file.read(0, std::as_writable_bytes(std::span(start)));
  if (!is_npy(file) || start[6] < 1 || start[6] > 3)
    refuse(file, "does not start like a .npy file of version 1, 2 or 3");
  std::uint32_t length = 0;
  const std::size_t width = start[6] == 1 ? 2 : 4;
  std::memcpy(&length, start.data() + 8, width);
  if (length > 65536 || 8 + width + length > file.size())
    refuse(file, fmt::format("its header claims {} bytes; the file has {}", length, file.size()));
  std::string text(length, '\0');
  file.read(8 + width, std::as_writable_bytes(std::span(text)));
  const std::vector<std::uint64_t> sizes = sizes_of(value_of(text, "shape"));
  const bool by_columns = is_in_fortran_order(file, value_of(text, "fortran_order"));
  return {.type = integer_type(file, text_of(value_of(text, "descr"))),
          .data = 8 + width + length,
          .elements = elements_of(file, sizes),
          .stride = by_columns && sizes.size() == 2 ? sizes[1] : 1};
}

// The element's bits, a negative one's extended to 64.
std::uint64_t bits_of(const std::byte* bytes, const IntegerType& type) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < type.size; ++i) {
    const std::byte next = bytes[type.is_big_endian ? i : type.size - 1 - i];
    bits = bits << 8 | std::to_integer<std::uint64_t>(next);
  }
  const unsigned unused = 64 - 8 * static_cast<unsigned>(type.size);
  return type.is_signed ? static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << unused) >> unused) : bits;
}

std::int32_t checked_id(const InputFile& file, std::uint64_t bits, bool is_signed, std::uint64_t position) {
  if (bits <= std::numeric_limits<std::int32_t>::max()) return static_cast<std::int32_t>(bits);
  const std::string number = is_signed ? std::to_string(static_cast<std::int64_t>(bits)) : std::to_string(bits);
  refuse(file, fmt::format("holds {} at position {}, which is no token id", number, position));
}

// Elements that lie one behind the other, from `first` on; the ids go to `position` and every stride-th from there.
void read_run(const InputFile& file, const NpyHeader& header, std::uint64_t first, std::uint64_t position,
              std::vector<std::int32_t>& ids) {
  constexpr std::uint64_t kAtOnce = std::uint64_t{1} << 17;
  const std::size_t size = header.type.size;
  std::vector<std::byte> bytes;
  while (position < ids.size()) {
    const std::uint64_t count = std::min(kAtOnce, (ids.size() - position + header.stride - 1) / header.stride);
    bytes.resize(count * size);
    file.read(header.data + first * size, bytes);
    for (std::uint64_t i = 0; i < count; ++i, position += header.stride)
      ids[position] = checked_id(file, bits_of(bytes.data() + i * size, header.type), header.type.is_signed, position);
    first += count;
  }
}

}  // namespace

std::vector<std::int32_t> read_npy(const InputFile& file, std::uint64_t most) {
  const NpyHeader header = read_header(file);
  if (file.size() - header.data != header.elements * header.type.size) {
    refuse(file, fmt::format("its header promises {} ids of {} bytes, but {} bytes follow", header.elements,
                             header.type.size, file.size() - header.data));
  }
  std::vector<std::int32_t> ids(std::min(header.elements, most));
  const std::uint64_t runs = std::min<std::uint64_t>(header.stride, ids.size());
  for (std::uint64_t run = 0; run < runs; ++run)
    read_run(file, header, run * (header.elements / header.stride), run, ids);
  return ids;
}

}  // namespace lrc
