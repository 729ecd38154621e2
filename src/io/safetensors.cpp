#include "lrc/io/safetensors.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lrc/io/json.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPiece = std::size_t{8} << 20;

// A name that can only mean a file of this very directory.
void check_plain_name(const fs::path& index, const fs::path& directory, const std::string& name) {
  const auto refuse = [&](const std::string& problem) {
    throw InputError(index.string(), fmt::format("names the file '{}', {}", name, problem));
  };
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    refuse("which is not a plain file name");
  }
  if (!is_there(directory / name)) refuse("which is not there");
}

void check_finite(const TensorInfo& info, Index first, std::span<const float> values) {
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (bad == values.end()) return;
  throw InputError(info.file.string(), fmt::format("tensor '{}' holds {} at element {}; the model is damaged",
                                                   info.name, *bad, first + (bad - values.begin())));
}

}  // namespace

TensorDirectory::TensorDirectory(const fs::path& directory, const std::string& single) : directory_(directory) {
  const fs::path file = directory / single, index = directory / (single + ".index.json");
  if (is_there(file)) {
    open_file(file);
  } else if (is_there(index)) {
    open_indexed(index);
  } else {
    throw InputError(directory.string(), fmt::format("holds neither {} nor {}.index.json", single, single));
  }
  std::ranges::stable_sort(tensors_, {}, &TensorInfo::name);
  drop_copies();
}

void TensorDirectory::open_file(const fs::path& path) {
  const auto& file = files_.try_emplace(path, path).first->second;
  tensors_.insert(tensors_.end(), file.tensors().begin(), file.tensors().end());
}

void TensorDirectory::open_indexed(const fs::path& index) {
  const nlohmann::json description = read_json_object(index);
  const auto map = description.find("weight_map");
  if (map == description.end() || !map->is_object()) throw InputError(index.string(), "has no weight_map");
  std::set<std::pair<std::string, std::string>> promised, found;  // a tensor and its file
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string())
      throw InputError(index.string(), fmt::format("does not name the file of tensor '{}'", tensor));
    const auto name = file.get<std::string>();
    check_plain_name(index, directory_, name);
    promised.emplace(tensor, name);
    if (!files_.contains(directory_ / name)) open_file(directory_ / name);
  }
  for (const TensorInfo& info : tensors_) found.emplace(info.name, info.file.filename());
  for (const auto& [tensor, file] : promised) {
    if (!found.contains({tensor, file}))
      throw InputError(index.string(), fmt::format("says that tensor '{}' is in {}, but it is not", tensor, file));
  }
}

// Loaders don't agree on which of several copies counts: the one in the file that the index names, or the last.
void TensorDirectory::drop_copies() {
  const auto is_copy = [this](const TensorInfo& info, const TensorInfo& other) {
    if (info.name != other.name) return false;
    if (same_data(info, other)) return true;
    throw InputError(info.file.string(),
                     fmt::format("tensor '{}' is in {} too, and another one there; remove one of them", info.name,
                                 other.file.filename().string()));
  };
  tensors_.erase(std::ranges::unique(tensors_, is_copy).begin(), tensors_.end());
}

bool TensorDirectory::same_data(const TensorInfo& a, const TensorInfo& b) const {
  if (a.dtype != b.dtype || a.shape != b.shape) return false;
  std::vector<std::byte> left, right;
  for (std::uint64_t at = 0; at < bytes_of(a); at += left.size()) {
    left.resize(std::min<std::uint64_t>(kPiece, bytes_of(a) - at));
    right.resize(left.size());
    read_bytes(a, at, left);
    read_bytes(b, at, right);
    if (left != right) return false;
  }
  return true;
}

const TensorInfo* TensorDirectory::find(const std::string& name) const {
  const auto at =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorInfo& info, const std::string& wanted) { return info.name < wanted; });
  return at == tensors_.end() || at->name != name ? nullptr : &*at;
}

void TensorDirectory::refuse_others(const std::set<std::string>& known) const {
  for (const TensorInfo& info : tensors_) {
    if (!known.contains(info.name))
      throw InputError(info.file.string(), fmt::format("tensor '{}' has no place in the model", info.name));
  }
}

const TensorInfo& TensorDirectory::at(const std::string& name) const {
  const TensorInfo* info = find(name);
  if (!info) {
    const fs::path& where = files_.size() == 1 ? files_.begin()->first : directory_;
    throw InputError(where.string(), fmt::format("tensor '{}' is missing", name));
  }
  return *info;
}

void TensorDirectory::read_bytes(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> bytes) const {
  assert(offset + bytes.size() <= bytes_of(info));
  files_.at(info.file).input().read(info.offset + offset, bytes);
}

void TensorDirectory::read_rows(const TensorInfo& info, Index first, Index rows, std::span<float> values) const {
  const Index row_size = info.shape.empty() || info.shape[0] == 0 ? 1 : info.elements() / info.shape[0];
  assert(first >= 0 && rows >= 0 && static_cast<Index>(values.size()) == rows * row_size);
  const std::size_t size = size_of(info.dtype);
  std::vector<std::byte> piece(std::min(kPiece, values.size() * size));  // converted piece by piece
  for (std::size_t done = 0; done < values.size();) {
    const std::size_t count = std::min(piece.size() / size, values.size() - done);
    const std::span<std::byte> bytes = std::span(piece).first(count * size);
    const std::size_t element = static_cast<std::size_t>(first * row_size) + done;
    read_bytes(info, element * size, bytes);
    decode(info.dtype, bytes, values.subspan(done, count));
    check_finite(info, static_cast<Index>(element), values.subspan(done, count));
    done += count;
  }
}

void TensorDirectory::read(const TensorInfo& info, std::span<float> values) const {
  assert(static_cast<Index>(values.size()) == info.elements());
  read_rows(info, 0, info.shape.empty() ? 1 : info.shape[0], values);
}

void TensorDirectory::read_int32(const TensorInfo& info, std::span<std::int32_t> values) const {
  assert(info.dtype == Dtype::i32 && static_cast<Index>(values.size()) == info.elements());
  read_bytes(info, 0, std::as_writable_bytes(values));
}

namespace {

std::string header_of(std::vector<TensorInfo>& tensors) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  std::uint64_t at = 0;
  for (TensorInfo& info : tensors) {
    info.offset = at;
    at += bytes_of(info);
    header[info.name] = {{"dtype", name_of(info.dtype)}, {"shape", info.shape}, {"data_offsets", {info.offset, at}}};
  }
  std::string text = header.dump();
  text.resize(static_cast<std::size_t>(ceil_div(static_cast<Index>(text.size()), 8) * 8), ' ');
  return text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const fs::path& target, std::vector<TensorInfo> tensors)
    : target_(target), tensors_(std::move(tensors)), file_(target) {
  const std::string header = header_of(tensors_);
  const std::uint64_t length = header.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(std::as_bytes(std::span(header)));
}

void SafetensorsWriter::write(std::span<const float> values) {
  const TensorInfo& info = tensors_.at(next_);
  if (const auto beyond = first_beyond(info.dtype, values)) {
    throw Error(fmt::format("{}: tensor '{}' would hold {:g}, which is no finite {}", target_.string(), info.name,
                            values[static_cast<std::size_t>(*beyond)], name_of(info.dtype)));
  }
  std::vector<std::byte> bytes(values.size() * size_of(info.dtype));
  encode(info.dtype, values, bytes);
  write_bytes(bytes);
}

void SafetensorsWriter::write_bytes(std::span<const std::byte> bytes) {
  assert(next_ < tensors_.size() && written_ + bytes.size() <= bytes_of(tensors_[next_]));
  file_.write(bytes);
  written_ += bytes.size();
  if (written_ < bytes_of(tensors_[next_])) return;
  ++next_;
  written_ = 0;
}

void SafetensorsWriter::commit() {
  assert(next_ == tensors_.size());
  file_.commit();
}

}  // namespace lrc
