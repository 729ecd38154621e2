// Tensors of a model directory: safetensors files, one or several under an index. Headers are hostile until checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "lrc/core/dtype.hpp"
#include "lrc/core/types.hpp"
#include "lrc/io/file.hpp"

namespace lrc {

struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<Index> shape = {};
  std::filesystem::path file = {};
  std::uint64_t offset = 0;  ///< of the first byte in the file
  Index elements() const;
};

/// One .safetensors file, opened and its header checked.
class SafetensorsFile {
 public:
  /// Throws InputError naming the file, the tensor and what is wrong: a header that is cut off, larger than 32 MiB, not
  /// JSON, or has a key twice; a dtype that safetensors files don't have; a shape whose size overflows; data that
  /// overlap, leave a gap, or end before or after the file does.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const InputFile& input() const { return input_; }

 private:
  InputFile input_;
  std::vector<TensorInfo> tensors_;  // in the order of their data
};

/// All tensors of a directory.
class TensorDirectory {
 public:
  /// Reads `single`, or else `single`.index.json, whose entries must be plain names of files in the directory; those
  /// may be links to anywhere, as in a Hugging Face cache. Of a tensor that several of the files hold, all copies must
  /// be the same.
  explicit TensorDirectory(const std::filesystem::path& directory, const std::string& single = "model.safetensors");

  /// Sorted by name.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* find(const std::string& name) const;
  /// Throws InputError naming the tensor that is missing and the file, or the directory where there are several.
  const TensorInfo& at(const std::string& name) const;
  /// Throws InputError naming a tensor that is not among `known`.
  void refuse_others(const std::set<std::string>& known) const;

  /// Rows first … first + rows − 1 of a floating-point tensor whose first dimension is rows, converted to float.
  /// Throws InputError naming the tensor and the element where one is NaN or infinite.
  void read_rows(const TensorInfo& info, Index first, Index rows, std::span<float> values) const;
  /// All of it.
  void read(const TensorInfo& info, std::span<float> values) const;
  /// An I32 tensor.
  void read_int32(const TensorInfo& info, std::span<std::int32_t> values) const;
  /// Bytes as they are stored, from byte `offset` of the tensor's data.
  void read_bytes(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> bytes) const;

 private:
  void open_file(const std::filesystem::path& path);
  void open_indexed(const std::filesystem::path& index);
  void drop_copies();
  bool same_data(const TensorInfo& a, const TensorInfo& b) const;

  std::filesystem::path directory_;
  std::map<std::filesystem::path, SafetensorsFile> files_;
  std::vector<TensorInfo> tensors_;
};

/// Writes one file: first the header of all tensors, then their data, in that order.
class SafetensorsWriter {
 public:
  /// `tensors`: name, dtype and shape of each; file and offset are set here.
  SafetensorsWriter(const std::filesystem::path& target, std::vector<TensorInfo> tensors);

  /// The data of the next tensor, whole or in pieces, from floats (rounded to its dtype) or as they are. Throws Error
  /// naming the tensor and the value where one is not finite, or not any more as that dtype.
  void write(std::span<const float> values);
  void write_bytes(std::span<const std::byte> bytes);

  /// Makes the file appear. Precondition: all tensors were written.
  void commit();

 private:
  std::filesystem::path target_;
  std::vector<TensorInfo> tensors_;
  std::size_t next_ = 0;       // tensor being written
  std::uint64_t written_ = 0;  // bytes of it so far
  AtomicFile file_;
};

/// Bytes of a tensor's data.
std::uint64_t bytes_of(const TensorInfo& info);

}  // namespace lrc
