// tokens.h5: other files behind it, storage that lies, and types that are no tokens.
#include <fmt/core.h>
#include <hdf5.h>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

const char* const kName = "tokens.h5";

// A file that `fill` fills; objects are closed with it.
Situation file(const std::string& name, const std::function<void(hid_t file, const fs::path& directory)>& fill) {
  const auto spoil = [=](const fs::path& directory) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    const hid_t file = H5Fcreate((directory / kName).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    fill(file, directory);
    H5Fclose(file);
  };
  return {"tokens.h5 " + name, {kName}, spoil, kName};
}

hid_t space_of(const std::vector<hsize_t>& sizes) {
  return H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
}

hid_t create(hid_t file, hid_t type, hid_t space, hid_t list = H5P_DEFAULT, const char* name = "tokens") {
  return H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
}

hid_t chunked(const std::vector<hsize_t>& chunk) {
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, static_cast<int>(chunk.size()), chunk.data());
  return list;
}

// Nothing is ever written to it: HDF5 would read zeros, or what else it thinks fit.
Situation unwritten(const std::string& name, hid_t (*type)(), const std::vector<hsize_t>& sizes) {
  return file(name, [=](hid_t file, const fs::path&) { create(file, type(), space_of(sizes)); });
}

hid_t integers() { return H5T_STD_I32LE; }

Situation ids(const std::string& name, const std::vector<std::int64_t>& first) {
  return file("ids " + name, [=](hid_t file, const fs::path&) {
    std::vector<std::int64_t> values = first;
    values.resize(256);
    H5Dwrite(create(file, H5T_STD_I64LE, space_of({256})), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT,
             values.data());
  });
}

Situations links() {
  const auto good = [](hid_t file, const char* name) { create(file, integers(), space_of({256}), H5P_DEFAULT, name); };
  return {
      file("without the dataset", [=](hid_t file, const fs::path&) { good(file, "token"); }),
      file("a group",
           [](hid_t file, const fs::path&) { H5Gcreate2(file, "tokens", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT); }),
      file("the root again",
           [](hid_t file, const fs::path&) { H5Lcreate_hard(file, "/", file, "tokens", H5P_DEFAULT, H5P_DEFAULT); }),
      file("a type",
           [](hid_t file, const fs::path&) {
             H5Tcommit2(file, "tokens", H5Tcopy(H5T_STD_I32LE), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
           }),
      file("a soft link",
           [=](hid_t file, const fs::path&) {
             good(file, "others");
             H5Lcreate_soft("/others", file, "tokens", H5P_DEFAULT, H5P_DEFAULT);
           }),
      file("a soft link to itself",
           [](hid_t file, const fs::path&) { H5Lcreate_soft("/tokens", file, "tokens", H5P_DEFAULT, H5P_DEFAULT); }),
      file("a link into another file",
           [](hid_t file, const fs::path&) {
             H5Lcreate_external("/etc/passwd", "/tokens", file, "tokens", H5P_DEFAULT, H5P_DEFAULT);
           }),
      file("a link into itself", [](hid_t file, const fs::path&) {
        H5Lcreate_external(kName, "/tokens", file, "tokens", H5P_DEFAULT, H5P_DEFAULT);
      })};
}

Situations foreign_storage() {
  Situations all;
  for (const char* path : {"/etc/passwd", "/dev/zero", "../../../../etc/passwd", "tokens.npy"}) {
    all.push_back(file(fmt::format("stored in {}", path), [=](hid_t file, const fs::path&) {
      const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
      H5Pset_external(list, path, 0, 1024);
      create(file, integers(), space_of({256}), list);
    }));
  }
  for (const char* path : {"/etc/passwd", ".", "tokens.npy", "/dev/zero"}) {
    all.push_back(file(fmt::format("virtual, of {}", path), [=](hid_t file, const fs::path&) {
      const hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = space_of({256});
      H5Pset_virtual(list, space, path, "tokens", space);
      create(file, integers(), space, list);
    }));
  }
  return all;
}

Situations shapes() {
  const hsize_t large = hsize_t{1} << 32;
  return {
      unwritten("of no tokens", integers, {0}),
      unwritten("of no rows", integers, {0, 256}),
      unwritten("of three dimensions", integers, {4, 8, 8}),
      unwritten("of 32 dimensions", integers, std::vector<hsize_t>(32, 1)),
      file("of a terabyte of nothing",
           [=](hid_t file, const fs::path&) {
             create(file, integers(), space_of({256, large}), chunked({1, 1024}));
           }),
      file("of a size that overflows",
           [=](hid_t file, const fs::path&) {
             create(file, integers(), space_of({large, large - 1}), chunked({1, 1024}));
           }),
      file("of a chunk of 4 GB",
           [=](hid_t file, const fs::path&) { create(file, H5T_STD_I8LE, space_of({large}), chunked({large - 1})); }),
      file("a number", [](hid_t file, const fs::path&) { create(file, integers(), H5Screate(H5S_SCALAR)); }),
      file("nothing", [](hid_t file, const fs::path&) { create(file, integers(), H5Screate(H5S_NULL)); })};
}

Situations types() {
  return {unwritten("floats", [] { return H5T_IEEE_F32LE; }, {256}),
          unwritten("bits", [] { return H5T_STD_B32LE; }, {256}),
          unwritten("references", [] { return H5T_STD_REF_OBJ; }, {256}),
          unwritten("texts", [] { return H5Tcopy(H5T_C_S1); }, {256}),
          unwritten("texts of any length",
                    [] {
                      const hid_t type = H5Tcopy(H5T_C_S1);
                      H5Tset_size(type, H5T_VARIABLE);
                      return type;
                    },
                    {256}),
          unwritten("lists", [] { return H5Tvlen_create(H5T_STD_I32LE); }, {256}),
          unwritten("arrays",
                    [] {
                      const hsize_t size = 4;
                      return H5Tarray_create2(H5T_STD_I32LE, 1, &size);
                    },
                    {256}),
          unwritten("lumps", [] { return H5Tcreate(H5T_OPAQUE, 4); }, {256}),
          unwritten("records",
                    [] {
                      const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
                      H5Tinsert(type, "id", 0, H5T_STD_I64LE);
                      return type;
                    },
                    {256}),
          unwritten("names",
                    [] {
                      const hid_t type = H5Tenum_create(H5T_STD_I32LE);
                      const int value = 7;
                      H5Tenum_insert(type, "seven", &value);
                      return type;
                    },
                    {256})};
}

// `flags` 0: HDF5 must not read on where it lacks the filter.
Situation filter(int number, unsigned flags) {
  return file(fmt::format("filter {} flags {}", number, flags), [=](hid_t file, const fs::path&) {
    const hid_t list = chunked({256});
    H5Pset_filter(list, number, flags, 0, nullptr);
    create(file, integers(), space_of({256}), list);
  });
}

// One chunk of 256 integers, as it lies in the file.
Situation chunk(const std::string& name, const std::string& bytes) {
  return file("chunk " + name, [=](hid_t file, const fs::path&) {
    const hid_t list = chunked({256});
    H5Pset_deflate(list, 6);
    const hid_t dataset = create(file, integers(), space_of({256}), list);
    const hsize_t start = 0;
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &start, bytes.size(), bytes.data());
  });
}

}  // namespace

Situations hdf5_situations() {
  Situations all = odd_files(kName, kName);
  for (Situations more : {links(), foreign_storage(), shapes(), types()}) append(all, std::move(more));
  for (const int number : {H5Z_FILTER_NBIT, H5Z_FILTER_SCALEOFFSET, 32000, 32015}) {
    all.push_back(filter(number, H5Z_FLAG_OPTIONAL));
  }
  append(all, {chunk("of garbage", std::string(300, 'x')), chunk("cut off", std::string("\x78\x9C\x63\x60", 4)),
               ids("-1", {0, -1}), ids("64", {64}), ids("2^31", {std::int64_t{1} << 31}), ids("2^63-1", {INT64_MAX}),
               ids("-2^63", {INT64_MIN})});
  append(all, hdf5_bytes_situations());
  return all;
}

}  // namespace lrc
