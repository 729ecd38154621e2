// The good tokens in files of other types, orders, shapes and names: the perplexity is that of tokens.npy.
#include <fmt/core.h>
#include <hdf5.h>

#include <algorithm>
#include <cstring>

#include "odd_files.hpp"
#include "odd_input.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

// tokens.npy is flat, of 16-bit numbers.
std::vector<std::uint16_t> good_tokens(const fs::path& directory) {
  constexpr std::size_t kHeader = 128;
  const std::string file = file_bytes(directory / "tokens.npy");
  std::vector<std::uint16_t> tokens((file.size() - kHeader) / sizeof(std::uint16_t));
  std::memcpy(tokens.data(), file.data() + kHeader, tokens.size() * sizeof(std::uint16_t));
  return tokens;
}

// `size` bytes a token, little end first or last.
std::string packed(const std::vector<std::uint16_t>& tokens, std::size_t size, bool big_endian) {
  std::string bytes;
  for (const std::uint64_t token : tokens) {
    std::string one(reinterpret_cast<const char*>(&token), size);
    if (big_endian) std::reverse(one.begin(), one.end());
    bytes += one;
  }
  return bytes;
}

OddInput of_type(const std::string& type, std::size_t size) {
  const auto make = [=](const fs::path& directory) {
    const std::vector<std::uint16_t> tokens = good_tokens(directory);
    write_file(directory / "tokens.npy",
               npy(type, fmt::format("({},)", tokens.size()), packed(tokens, size, type[0] == '>')));
  };
  return {.name = "tokens of type " + type, .make = make};
}

// 16 tokens a row, stored column by column, as numpy.asfortranarray leaves them.
void write_by_columns(const fs::path& directory) {
  const std::vector<std::uint16_t> tokens = good_tokens(directory);
  const std::size_t rows = tokens.size() / 16;
  std::vector<std::uint16_t> columns;
  for (std::size_t i = 0; i < tokens.size(); ++i) columns.push_back(tokens[i % rows * 16 + i / rows]);
  write_file(directory / "tokens.npy", npy("<u2", fmt::format("({}, 16)", rows), packed(columns, 2, false), "True"));
}

// Beyond the windows that are used stand ids that the vocabulary doesn't have.
void write_with_foreign_tail(const fs::path& directory) {
  std::vector<std::uint16_t> tokens = good_tokens(directory);
  std::fill(tokens.begin() + 128, tokens.end(), 60'000);
  write_file(directory / "tokens.npy", npy("<u2", fmt::format("({},)", tokens.size()), packed(tokens, 2, false)));
}

struct H5Format {
  hid_t (*type)();
  std::vector<hsize_t> sizes;
  hsize_t user_block = 0;
  hsize_t chunk = 0;  // rows; 0: not compressed
};

OddInput h5(const std::string& name, const H5Format& format, const std::string& file = "tokens.h5") {
  const auto make = [=](const fs::path& directory) {
    const std::vector<std::uint16_t> tokens = good_tokens(directory);
    const hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_userblock(creation, format.user_block);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    if (format.chunk > 0) {
      std::vector<hsize_t> chunk = format.sizes;
      chunk[0] = format.chunk;
      H5Pset_chunk(list, static_cast<int>(chunk.size()), chunk.data());
      H5Pset_shuffle(list);
      H5Pset_deflate(list, 6);
    }
    const hid_t id = H5Fcreate((directory / file).c_str(), H5F_ACC_TRUNC, creation, access);
    const hid_t space = H5Screate_simple(static_cast<int>(format.sizes.size()), format.sizes.data(), nullptr);
    const hid_t dataset = H5Dcreate2(id, "tokens", format.type(), space, H5P_DEFAULT, list, H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, tokens.data());
    H5Fclose(id);
  };
  return {.name = name, .make = make, .data = file};
}

OddInput renamed(const std::string& file) {
  return {.name = "tokens in " + file,
          .make = [=](const fs::path& directory) { fs::rename(directory / "tokens.npy", directory / file); },
          .data = file};
}

}  // namespace

OddInputs odd_token_files() {
  OddInputs all;
  for (const auto& [type, size] : std::vector<std::pair<std::string, std::size_t>>{
           {"|i1", 1}, {"|u1", 1}, {"<i2", 2}, {">u2", 2}, {"<u4", 4}, {">i4", 4}, {">i8", 8}, {"=u8", 8}})
    all.push_back(of_type(type, size));
  all.push_back({.name = "tokens by columns", .make = write_by_columns});
  all.push_back({.name = "tokens with a foreign tail", .make = write_with_foreign_tail});
  for (const char* file : {"tokens", "tokens.bin", "tokens.txt", "tokens \xff\xfe.npy"}) all.push_back(renamed(file));
  const auto u1 = [] { return H5T_STD_U8LE; };
  const auto i2 = [] { return H5T_STD_I16BE; };
  const auto u8 = [] { return H5T_STD_U64LE; };
  all.push_back(h5("h5 of unsigned bytes, compressed", {u1, {256}, 0, 100}));
  all.push_back(h5("h5 big-endian, in rows", {i2, {16, 16}}));
  all.push_back(h5("h5 of a single row", {u8, {1, 256}}));
  all.push_back(h5("h5 behind a user block", {u8, {256}, 1024}, "tokens.hdf5"));
  return all;
}

}  // namespace lrc
