// HDF5 files that the program writes for itself: flat numeric datasets with checksums, and text attributes.
//
// Debian's HDF5 is not thread-safe: these classes are for one thread of a process at a time.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// An open HDF5 object, closed at the end of its life.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  /// Throws CallError naming `call` and `file`, with HDF5's own words, where `id` is negative.
  Hdf5Handle(hid_t id, Close closer, const char* call, const std::filesystem::path& file);
  Hdf5Handle(Hdf5Handle&& other) noexcept;
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  ~Hdf5Handle();
  hid_t get() const { return id_; }
  /// Closes now, and throws where that fails: for a file that was written, it is then that a full disk shows.
  void close(const char* call, const std::filesystem::path& file);

 private:
  hid_t id_;
  Close close_;
};

/// checksummed: in chunks with Fletcher32. plain: contiguous, six times as fast to write, for large and short-lived
/// data whose file is hashed as a whole.
enum class DatasetKind { checksummed, plain };

/// Writes a new file. Not yet on the disk when close() returns.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::filesystem::path& file, DatasetKind kind = DatasetKind::checksummed);

  /// A dataset of the given dimensions (one or two), row-major. Element types: float, std::int8_t.
  template <class Element>
  void write(const std::string& name, const std::vector<Index>& dimensions, std::span<const Element> values);
  void write_text(const std::string& name, const std::string& text);
  void close();

 private:
  std::filesystem::path path_;
  DatasetKind kind_;
  Hdf5Handle file_;
};

/// Reads a file whose origin is known (its hash was checked) or, for `tokens`, a user's. External links, external
/// storage, virtual datasets and filters other than deflate, shuffle and Fletcher32 are refused.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::filesystem::path& file);

  /// Throws CallError where the file can't be read: that is no answer.
  bool has(const std::string& name) const;
  std::vector<Index> dimensions(const std::string& name) const;
  /// The first `most` elements of the dataset, or all where that is 0, row after row, converted to Element (float,
  /// std::int8_t, std::int64_t).
  template <class Element>
  std::vector<Element> read(const std::string& name, Index most = 0) const;
  std::string read_text(const std::string& name) const;

 private:
  Hdf5Handle open_dataset(const std::string& name) const;
  std::string names() const;

  std::filesystem::path path_;
  Hdf5Handle file_;
};

}  // namespace lrc
