#include "lrc/io/hdf5.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "lrc/core/error.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

constexpr hsize_t kLargestTransfer = hsize_t{1} << 30;  // bytes
constexpr hsize_t kChunkBytes = hsize_t{1} << 20;

template <class Element>
hid_t memory_type();
template <>
hid_t memory_type<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t memory_type<std::int8_t>() {
  return H5T_NATIVE_INT8;
}
template <>
hid_t memory_type<std::int64_t>() {
  return H5T_NATIVE_INT64;
}

template <class Element>
constexpr const char* kKind = std::is_floating_point_v<Element> ? "floating-point numbers" : "integers";

// Takes the innermost message of HDF5's error stack, which has the system's words, and ends the walk.
herr_t take_message(unsigned, const H5E_error2_t* error, void* text) {
  *static_cast<std::string*>(text) = error->desc ? error->desc : "";
  return 1;
}

[[noreturn]] void fail(const char* call, const fs::path& file) {
  std::string message = "failed";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_message, &message);
  H5Eclear2(H5E_DEFAULT);
  throw CallError(call, fmt::format("{}: {}", file.string(), message));
}

void check(herr_t result, const char* call, const fs::path& file) {
  if (result < 0) fail(call, file);
}

Hdf5Handle property_list(hid_t kind, const fs::path& file) { return {H5Pcreate(kind), H5Pclose, "H5Pcreate", file}; }

void prepare_library() {
  // At the program's end HDF5 would close again, and crash, what it failed to close on a full disk.
  static const herr_t no_cleanup_at_exit = H5dont_atexit();
  static_cast<void>(no_cleanup_at_exit);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors become exceptions, not text on the terminal
}

// Some file systems have no locks, and a checkpoint has a lease of its own. HDF5_USE_FILE_LOCKING still decides.
void leave_unlocked(hid_t access, const fs::path& path) {
  check(H5Pset_file_locking(access, false, true), "H5Pset_file_locking", path);
}

Hdf5Handle create_file(const fs::path& path) {
  prepare_library();
  const Hdf5Handle access = property_list(H5P_FILE_ACCESS, path);
  check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST), "H5Pset_libver_bounds", path);
  leave_unlocked(access.get(), path);
  return {H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, access.get()), H5Fclose, "H5Fcreate", path};
}

Hdf5Handle open_file(const fs::path& path) {
  prepare_library();
  const Hdf5Handle access = property_list(H5P_FILE_ACCESS, path);
  leave_unlocked(access.get(), path);
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose, "H5Fopen", path};
}

// Chunks of whole rows, about a megabyte each.
std::vector<hsize_t> chunk_of(const std::vector<hsize_t>& dimensions, std::size_t element) {
  std::vector<hsize_t> chunk = dimensions;
  const hsize_t row = element * (dimensions.size() == 2 ? dimensions[1] : 1);
  chunk[0] = std::clamp<hsize_t>(kChunkBytes / row, 1, dimensions[0]);
  return chunk;
}

// Calls transfer(memory space, file space, first element) for slabs of whole rows, below the largest transfer, of the
// part of a dataset that starts with it.
template <class Transfer>
void for_each_slab(const std::vector<hsize_t>& dimensions, const std::vector<hsize_t>& part, std::size_t element,
                   const fs::path& file, const Transfer& transfer) {
  const hsize_t row = part.size() == 2 ? part[1] : 1;
  const hsize_t rows = std::max<hsize_t>(1, kLargestTransfer / (row * element));
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(dimensions.size()), dimensions.data(), nullptr), H5Sclose,
                         "H5Screate_simple", file);
  for (hsize_t first = 0; first < part[0]; first += rows) {
    std::vector<hsize_t> start(part.size(), 0), count = part;
    start[0] = first;
    count[0] = std::min(rows, part[0] - first);
    check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
          "H5Sselect_hyperslab", file);
    const Hdf5Handle memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose,
                            "H5Screate_simple", file);
    transfer(memory.get(), space.get(), static_cast<std::size_t>(first * row));
  }
}

// The rows, and of a single one the columns, that the first `most` elements lie in.
std::vector<hsize_t> first_part(std::vector<hsize_t> dimensions, hsize_t most) {
  const hsize_t row = dimensions.size() == 2 ? dimensions[1] : 1;
  dimensions[0] = std::min(dimensions[0], (most - 1) / row + 1);
  if (dimensions[0] == 1) dimensions.back() = std::min(dimensions.back(), most);
  return dimensions;
}

std::vector<hsize_t> dimensions_of(hid_t dataset, const fs::path& file) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose, "H5Dget_space", file);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 1 || rank > 2)
    throw InputError(file.string(), fmt::format("a dataset has {} dimensions; it may have one or two", rank));
  std::vector<hsize_t> dimensions(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space.get(), dimensions.data(), nullptr), "H5Sget_simple_extent_dims", file);
  return dimensions;
}

// What could make reading run other code, open other files, or give fill values for missing parts.
void refuse_foreign_storage(hid_t dataset, const std::string& name, const fs::path& file) {
  const Hdf5Handle creation(H5Dget_create_plist(dataset), H5Pclose, "H5Dget_create_plist", file);
  if (H5Pget_layout(creation.get()) == H5D_VIRTUAL)
    throw InputError(file.string(), fmt::format("dataset '{}' is virtual; copy the data into one file", name));
  if (H5Pget_external_count(creation.get()) > 0)
    throw InputError(file.string(), fmt::format("dataset '{}' keeps its data in another file", name));
  for (int i = 0; i < H5Pget_nfilters(creation.get()); ++i) {
    std::size_t none = 0;
    unsigned flags = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags, &none, nullptr, 0, nullptr, nullptr);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
      throw InputError(file.string(),
                       fmt::format("dataset '{}' uses filter {}; it may use deflate, shuffle and fletcher32", name,
                                   static_cast<int>(filter)));
    }
  }
}

}  // namespace

Hdf5Handle::Hdf5Handle(hid_t id, Close closer, const char* call, const fs::path& file) : id_(id), close_(closer) {
  if (id_ < 0) fail(call, file);
}

Hdf5Handle::Hdf5Handle(Hdf5Handle&& other) noexcept
    : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}

Hdf5Handle::~Hdf5Handle() {
  if (id_ >= 0) close_(id_);
}

void Hdf5Handle::close(const char* call, const fs::path& file) {
  check(close_(std::exchange(id_, H5I_INVALID_HID)), call, file);
}

Hdf5Writer::Hdf5Writer(const fs::path& file, DatasetKind kind) : path_(file), kind_(kind), file_(create_file(file)) {}

template <class Element>
void Hdf5Writer::write(const std::string& name, const std::vector<Index>& dimensions, std::span<const Element> values) {
  const std::vector<hsize_t> sizes(dimensions.begin(), dimensions.end());
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr), H5Sclose,
                         "H5Screate_simple", path_);
  const Hdf5Handle creation = property_list(H5P_DATASET_CREATE, path_);
  if (!values.empty() && kind_ == DatasetKind::checksummed) {
    const std::vector<hsize_t> chunk = chunk_of(sizes, sizeof(Element));
    check(H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()), "H5Pset_chunk", path_);
    check(H5Pset_fletcher32(creation.get()), "H5Pset_fletcher32", path_);
  }
  const hid_t type = memory_type<Element>();
  Hdf5Handle dataset(H5Dcreate2(file_.get(), name.c_str(), type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                     H5Dclose, "H5Dcreate", path_);
  if (!values.empty()) {
    for_each_slab(sizes, sizes, sizeof(Element), path_, [&](hid_t memory, hid_t file, std::size_t first) {
      check(H5Dwrite(dataset.get(), type, memory, file, H5P_DEFAULT, values.data() + first), "H5Dwrite", path_);
    });
  }
  dataset.close("H5Dclose", path_);  // writes what HDF5 has kept back: only now is it known whether that went well
}

void Hdf5Writer::write_text(const std::string& name, const std::string& text) {
  const auto* bytes = reinterpret_cast<const std::int8_t*>(text.data());
  write(name, {static_cast<Index>(text.size())}, std::span(bytes, text.size()));
}

void Hdf5Writer::close() { file_.close("H5Fclose", path_); }

Hdf5Reader::Hdf5Reader(const fs::path& file) : path_(file), file_(open_file(file)) {}

Hdf5Handle Hdf5Reader::open_dataset(const std::string& name) const {
  if (!has(name)) throw InputError(path_.string(), fmt::format("has no dataset '{}'; it holds {}", name, names()));
  H5L_info_t link;
  check(H5Lget_info(file_.get(), name.c_str(), &link, H5P_DEFAULT), "H5Lget_info", path_);
  if (link.type != H5L_TYPE_HARD) throw InputError(path_.string(), fmt::format("'{}' is a link, not a dataset", name));
  Hdf5Handle dataset(H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT), H5Dclose, "H5Dopen", path_);
  refuse_foreign_storage(dataset.get(), name, path_);
  return dataset;
}

// Of what stands in the root, as far as one wants to read it.
std::string Hdf5Reader::names() const {
  constexpr std::size_t kMost = 20;
  std::vector<std::string> all;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
    auto& names = *static_cast<std::vector<std::string>*>(list);
    names.emplace_back(name);
    return names.size() < kMost ? 0 : 1;
  };
  check(H5Literate(file_.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &all), "H5Literate", path_);
  return all.empty() ? "nothing" : fmt::format("{}", fmt::join(all, ", "));
}

bool Hdf5Reader::has(const std::string& name) const {
  const htri_t exists = H5Lexists(file_.get(), name.c_str(), H5P_DEFAULT);
  check(exists, "H5Lexists", path_);
  return exists > 0;
}

std::vector<Index> Hdf5Reader::dimensions(const std::string& name) const {
  const std::vector<hsize_t> sizes = dimensions_of(open_dataset(name).get(), path_);
  return {sizes.begin(), sizes.end()};
}

template <class Element>
std::vector<Element> Hdf5Reader::read(const std::string& name, Index most) const {
  const Hdf5Handle dataset = open_dataset(name);
  const Hdf5Handle type(H5Dget_type(dataset.get()), H5Tclose, "H5Dget_type", path_);
  if (H5Tget_class(type.get()) != H5Tget_class(memory_type<Element>()))
    throw InputError(path_.string(), fmt::format("dataset '{}' does not hold {}", name, kKind<Element>));
  const std::vector<hsize_t> sizes = dimensions_of(dataset.get(), path_);
  hsize_t elements = 1;
  for (const hsize_t size : sizes) {
    if (size != 0 && elements > (hsize_t{1} << 40) / size)
      throw InputError(path_.string(), fmt::format("dataset '{}' is too large", name));
    elements *= size;
  }
  if (elements * sizeof(Element) > 1024 * static_cast<hsize_t>(fs::file_size(path_)) + 4096) {
    throw InputError(path_.string(),
                     fmt::format("dataset '{}' claims {} elements, far more than the file can hold", name, elements));
  }
  if (elements == 0) return {};
  const std::vector<hsize_t> part = most == 0 ? sizes : first_part(sizes, static_cast<hsize_t>(most));
  std::vector<Element> values(part.size() == 2 ? part[0] * part[1] : part[0]);
  for_each_slab(sizes, part, sizeof(Element), path_, [&](hid_t memory, hid_t file, std::size_t first) {
    check(H5Dread(dataset.get(), memory_type<Element>(), memory, file, H5P_DEFAULT, values.data() + first), "H5Dread",
          path_);
  });
  if (most > 0) values.resize(std::min(values.size(), static_cast<std::size_t>(most)));
  return values;
}

std::string Hdf5Reader::read_text(const std::string& name) const {
  const std::vector<std::int8_t> bytes = read<std::int8_t>(name);
  return {bytes.begin(), bytes.end()};
}

template void Hdf5Writer::write(const std::string&, const std::vector<Index>&, std::span<const float>);
template void Hdf5Writer::write(const std::string&, const std::vector<Index>&, std::span<const std::int8_t>);
template std::vector<float> Hdf5Reader::read(const std::string&, Index) const;
template std::vector<std::int8_t> Hdf5Reader::read(const std::string&, Index) const;
template std::vector<std::int64_t> Hdf5Reader::read(const std::string&, Index) const;

}  // namespace lrc
