#include "lrc/io/tokens.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

#include "lrc/core/error.hpp"
#include "lrc/io/child_process.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/hdf5.hpp"

namespace lrc {
namespace {

// The header of a .npy file: a Python dictionary of three known keys, as numpy writes it.
struct NpyHeader {
  std::string type;
  std::uint64_t data = 0;  // offset of the first element
  std::uint64_t elements = 1;
};

// What follows the key.
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

[[noreturn]] void refuse(const InputFile& file, const std::string& problem) {
  throw InputError(file.path().string(), problem);
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

NpyHeader read_npy_header(const InputFile& file) {
  char start[12] = {};
  if (file.size() < sizeof start) refuse(file, "is too short for a .npy file");
  file.read(0, std::as_writable_bytes(std::span(start)));
  if (std::memcmp(start, "\x93NUMPY", 6) != 0 || start[6] < 1 || start[6] > 3)
    refuse(file, "does not start like a .npy file of version 1, 2 or 3");
  std::uint32_t length = 0;
  const std::size_t width = start[6] == 1 ? 2 : 4;
  std::memcpy(&length, start + 8, width);
  if (length > 65536 || 8 + width + length > file.size())
    refuse(file, fmt::format("its header claims {} bytes; the file has {}", length, file.size()));
  std::string text(length, '\0');
  file.read(8 + width, std::as_writable_bytes(std::span(text)));
  if (!value_of(text, "fortran_order").starts_with("False"))
    refuse(file, "is not in C order; save it with numpy.ascontiguousarray");
  return {.type = std::string(text_of(value_of(text, "descr"))),
          .data = 8 + width + length,
          .elements = elements_of(file, sizes_of(value_of(text, "shape")))};
}

template <class Integer>
std::vector<std::int32_t> checked_ids(const std::filesystem::path& file, const std::vector<Integer>& ids) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(ids.size());
  for (const Integer id : ids) {
    if (static_cast<std::int64_t>(id) < 0 || static_cast<std::int64_t>(id) > std::numeric_limits<std::int32_t>::max()) {
      throw InputError(file.string(), fmt::format("holds {} at position {}, which is no token id", id, tokens.size()));
    }
    tokens.push_back(static_cast<std::int32_t>(id));
  }
  return tokens;
}

template <class Integer>
std::vector<std::int32_t> convert(const InputFile& file, const NpyHeader& header, std::uint64_t most) {
  if (file.size() - header.data != header.elements * sizeof(Integer)) {
    throw InputError(file.path().string(), fmt::format("its header promises {} ids of {} bytes, but {} bytes follow",
                                                       header.elements, sizeof(Integer), file.size() - header.data));
  }
  std::vector<Integer> ids(std::min(header.elements, most));
  file.read(header.data, std::as_writable_bytes(std::span(ids)));
  return checked_ids(file.path(), ids);
}

std::vector<std::int32_t> read_npy(const std::filesystem::path& path, std::uint64_t most) {
  const InputFile file(path);
  const NpyHeader header = read_npy_header(file);
  if (header.type == "<u2") return convert<std::uint16_t>(file, header, most);
  if (header.type == "<i4") return convert<std::int32_t>(file, header, most);
  if (header.type == "<i8") return convert<std::int64_t>(file, header, most);
  throw InputError(
      path.string(),
      fmt::format("holds numbers of type '{}'; it may be uint16, int32 or int64 (<u2, <i4, <i8)", header.type));
}

// HDF5 1.10 crashes on some damaged files: it gets to see them in another process only.
std::vector<std::int32_t> read_h5(const std::filesystem::path& path) {
  const std::uint64_t size = InputFile(path).size();
  const ChildLimits limits{.memory = (std::uint64_t{1} << 30) + 32 * size, .cpu_seconds = 5 + size / 10'000'000};
  return ids_from_child(path, "the HDF5 library can't read it", limits,
                        [&] { return checked_ids(path, Hdf5Reader(path).read<std::int64_t>("tokens")); });
}

}  // namespace

std::vector<std::int32_t> read_tokens(const std::filesystem::path& file, Index most) {
  assert(most >= 0);
  const std::uint64_t limit = most == 0 ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(most);
  if (file.extension() == ".npy") return read_npy(file, limit);
  if (file.extension() == ".h5") {
    std::vector<std::int32_t> ids = read_h5(file);
    ids.resize(std::min<std::size_t>(ids.size(), limit));
    return ids;
  }
  throw InputError(file.string(), "is of no known kind; it may be .txt, .npy or .h5");
}

}  // namespace lrc
