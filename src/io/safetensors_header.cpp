// Reading and checking the header of a safetensors file: 8 bytes of length, a JSON object, then the tensors' data.
#include <algorithm>
#include <cstring>

#include "lrc/io/json.hpp"
#include "lrc/io/safetensors.hpp"

namespace lrc {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeader = std::uint64_t{32} << 20;
constexpr Index kMaxElements = Index{1} << 48;

[[noreturn]] void refuse(const InputFile& file, const std::string& problem) {
  throw InputError(file.path().string(), problem);
}

std::string read_header(const InputFile& file) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length)
    refuse(file, fmt::format("has {} bytes, too few for a safetensors file", file.size()));
  file.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMaxHeader)
    refuse(file, fmt::format("the header claims {} bytes; at most {} are read", length, kMaxHeader));
  if (length > file.size() - sizeof length)
    refuse(file,
           fmt::format("the header claims {} bytes, but the file ends after {}; it is truncated", length, file.size()));
  std::string header(length, '\0');
  file.read(sizeof length, std::as_writable_bytes(std::span(header)));
  if (header.empty() || header.front() != '{') refuse(file, "the header does not start with '{'");
  return header;
}

std::vector<Index> read_shape(const InputFile& file, const std::string& name, const json& entry) {
  std::vector<Index> shape;
  Index elements = 1;
  const auto found = entry.find("shape");
  if (found == entry.end() || !found->is_array() || found->size() > 8)
    refuse(file, fmt::format("tensor '{}' has no valid shape", name));
  for (const json& size : *found) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxElements)) {
      refuse(file, fmt::format("tensor '{}' has the size {} in its shape", name, size.dump()));
    }
    shape.push_back(size.get<Index>());
    if (shape.back() != 0 && elements > kMaxElements / shape.back())
      refuse(file, fmt::format("the shape of tensor '{}' overflows", name));
    elements *= shape.back();
  }
  return shape;
}

Dtype read_dtype(const InputFile& file, const std::string& name, const json& entry) {
  const auto found = entry.find("dtype");
  if (found == entry.end() || !found->is_string()) refuse(file, fmt::format("tensor '{}' has no dtype", name));
  const auto dtype = dtype_from_name(found->get<std::string>());
  if (!dtype)
    refuse(file, fmt::format("tensor '{}' has dtype {}, which safetensors files don't have", name, found->dump()));
  return *dtype;
}

// One entry; its data must start where the data of the tensor before it ended, which the caller checks once sorted.
struct Entry {
  TensorInfo info;
  std::uint64_t begin, end;
};

Entry read_entry(const InputFile& file, const std::string& name, const json& entry) {
  if (!entry.is_object()) refuse(file, fmt::format("tensor '{}' is not described by an object", name));
  TensorInfo info{.name = name,
                  .dtype = read_dtype(file, name, entry),
                  .shape = read_shape(file, name, entry),
                  .file = file.path()};
  const auto offsets = entry.find("data_offsets");
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned()) {
    refuse(file, fmt::format("tensor '{}' has no valid data_offsets", name));
  }
  const auto begin = (*offsets)[0].get<std::uint64_t>(), end = (*offsets)[1].get<std::uint64_t>();
  if (info.elements() * bits_of(info.dtype) % 8 != 0) refuse(file, fmt::format("tensor '{}' ends within a byte", name));
  if (end < begin || end - begin != bytes_of(info)) {
    refuse(file, fmt::format("tensor '{}' takes bytes {} to {}, but its shape and dtype ask for {}", name, begin, end,
                             bytes_of(info)));
  }
  return {std::move(info), begin, end};
}

}  // namespace

Index TensorInfo::elements() const {
  Index count = 1;
  for (const Index size : shape) count *= size;
  return count;
}

std::uint64_t bytes_of(const TensorInfo& info) {
  return static_cast<std::uint64_t>(info.elements() * bits_of(info.dtype)) / 8;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : input_(path) {
  const std::string header = read_header(input_);
  const std::uint64_t data = sizeof(std::uint64_t) + header.size();
  std::vector<Entry> entries;
  const json description = parse_json_object(path.string(), header);
  for (const auto& [name, entry] : description.items()) {
    if (name != "__metadata__") entries.push_back(read_entry(input_, name, entry));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (Entry& entry : entries) {
    if (entry.begin < at) refuse(input_, fmt::format("tensor '{}' overlaps the one before it", entry.info.name));
    if (entry.begin > at)
      refuse(input_, fmt::format("there is a gap of {} bytes before tensor '{}'", entry.begin - at, entry.info.name));
    at = entry.end;
    entry.info.offset = data + entry.begin;
    tensors_.push_back(std::move(entry.info));
  }
  if (data + at != input_.size()) {
    refuse(input_, fmt::format("has {} bytes, but its tensors end at byte {}; it is {}", input_.size(), data + at,
                               input_.size() < data + at ? "truncated" : "longer than its header says"));
  }
}

}  // namespace lrc
