// tokens.h5: a good file with some bytes changed or missing, and what can't be made with the library alone.
#include <fmt/core.h>
#include <hdf5.h>
#include <zlib.h>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

const char* const kName = "tokens.h5";

void write_good(const fs::path& path) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t size = 256;
  const hid_t space = H5Screate_simple(1, &size, nullptr);
  const hid_t dataset = H5Dcreate2(file, "tokens", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const std::vector<int> tokens(size, 7);
  H5Dwrite(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tokens.data());
  H5Dclose(dataset);
  H5Sclose(space);
  H5Fclose(file);
}

Situation bytes(const std::string& name, const std::function<std::string(const std::string& good)>& change) {
  const auto spoil = [=](const fs::path& directory) {
    write_good(directory / kName);
    write_file(directory / kName, change(file_bytes(directory / kName)));
  };
  return {"tokens.h5 " + name, {kName}, spoil, kName};
}

// What stands `distance` bytes after the mark of a structure.
Situation after(const std::string& mark, std::size_t distance, const std::string& written) {
  return bytes(fmt::format("{} bytes at {}+{}", written.size(), mark.substr(1, 3), distance),
               [=](std::string good) { return good.replace(good.find(mark) + distance, written.size(), written); });
}

// Chunks that are all the same bytes: a megabyte in the file, gigabytes unpacked.
void write_bomb(const fs::path& path) {
  constexpr hsize_t kChunk = hsize_t{8} << 20, kChunks = 64;
  const std::string zeros(8 * kChunk, '\0');
  std::string packed(compressBound(zeros.size()), '\0');
  uLongf size = packed.size();
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(zeros.data()), zeros.size(),
            9);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t total = kChunk * kChunks;
  H5Pset_chunk(list, 1, &kChunk);
  H5Pset_deflate(list, 9);
  const hid_t space = H5Screate_simple(1, &total, nullptr);
  const hid_t dataset = H5Dcreate2(file, "tokens", H5T_STD_I64LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  for (hsize_t i = 0; i < kChunks; ++i) {
    const hsize_t start = i * kChunk;
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &start, size, packed.data());
  }
  H5Dclose(dataset);
  H5Pclose(list);
  H5Sclose(space);
  H5Fclose(file);
}

}  // namespace

Situations hdf5_bytes_situations() {
  Situations all;
  for (const int quarter : {0, 1, 2, 3}) {
    all.push_back(bytes(fmt::format("cut to {} quarters", quarter), [=](const std::string& good) {
      return good.substr(0, 8 + good.size() * static_cast<std::size_t>(quarter) / 4);
    }));
  }
  const std::string signature("\x89HDF\r\n\x1A\n", 8), ones(8, '\xFF');
  append(all,
         {bytes("cut by a byte", [](const std::string& good) { return good.substr(0, good.size() - 1); }),
          bytes("text", [](const std::string&) { return std::string("1 2 3 4"); }),
          bytes("zeros after the signature", [=](const std::string&) { return signature + std::string(5000, '\0'); }),
          after(signature, 8, "\x09"), after(signature, 13, "\x03"), after(signature, 14, "\xFF"),
          after(signature, 24, ones), after(signature, 40, ones), after(signature, 64, ones), after("TREE", 4, "\x07"),
          after("TREE", 6, "\xFF\xFF"), after("TREE", 32, ones), after("HEAP", 8, ones), after("HEAP", 24, ones),
          after("SNOD", 4, "\x09"), after("SNOD", 6, "\xFF\xFF"), after("SNOD", 16, ones)});
  all.push_back(
      {"tokens.h5 that unpacks to gigabytes", {kName}, [](const fs::path& d) { write_bomb(d / kName); }, kName});
  return all;
}

}  // namespace lrc
