#include "lrc/model/format/low_rank_file.hpp"

#include <cmath>
#include <set>

namespace lrc {
namespace {

[[noreturn]] void refuse(const TensorInfo& info, const std::string& allowed) {
  throw InputError(info.file.string(),
                   fmt::format("tensor '{}' does not fit the model: it must be {}", info.name, allowed));
}

VectorF read_vector(const TensorDirectory& tensors, const std::string& name) {
  const TensorInfo& info = tensors.at(name);
  VectorF values(info.elements());
  tensors.read(info, {values.data(), static_cast<std::size_t>(values.size())});
  return values;
}

// Reads it, too, which refuses what is not finite.
VectorF checked_vector(const TensorDirectory& tensors, const std::string& name, Index size) {
  const TensorInfo& info = tensors.at(name);
  if (info.shape != std::vector<Index>{size} || !is_float(info.dtype))
    refuse(info, fmt::format("{} floating-point numbers", size));
  return read_vector(tensors, name);
}

// Codes times scales must be finite, too.
void check_scales(const TensorDirectory& tensors, const std::string& name, Index size) {
  constexpr float kLargestCode = 128;
  const VectorF scales = checked_vector(tensors, name, size);
  for (const float scale : scales) {
    if (!std::isfinite(kLargestCode * scale)) refuse(tensors.at(name), "scales of int8 codes, and one is too large");
  }
}

void check_sizes(const TensorDirectory& tensors, const std::string& name, Index parts) {
  for (const float size : checked_vector(tensors, name, parts)) {
    if (!(size > 0)) refuse(tensors.at(name), fmt::format("above 0, and holds {}", size));
  }
}

// Of rows×k, k from 1 to `most`; returns k.
Index check_factor(const TensorDirectory& tensors, const std::string& name, Index rows, Index most) {
  const TensorInfo& info = tensors.at(name);
  const bool codes = info.dtype == Dtype::i8;
  if (info.shape.size() != 2 || info.shape[0] != rows || (!codes && info.dtype != Dtype::f16))
    refuse(info, fmt::format("{}×k, F16 or I8", rows));
  const Index rank = info.shape[1];
  if (rank < 1 || rank > most) refuse(info, fmt::format("of a rank from 1 to {}, and has {}", most, rank));
  if (codes) check_scales(tensors, name + "_scale", rank);
  return rank;
}

// All that the file may hold for a group.
std::set<std::string> names_of(const GroupLayout& layout, const QuantizedFormat& format) {
  std::set<std::string> names;
  if (format.centered) names.insert(layout.name + ".mean");
  for (const LinearStack& stack : stacks_of(layout, format.stacked)) {
    for (const char* part : {".u", ".u_scale", ".u_size", ".v", ".v_scale"}) names.insert(stack.name + part);
    if (format.centered) names.insert(stack.name + ".center_bias");
  }
  return names;
}

}  // namespace

LowRankFile::LowRankFile(const std::filesystem::path& directory, const QuantizedFormat& format)
    : tensors_(directory, kLowRankFile), format_(format) {}

void LowRankFile::check(const ModelConfig& config) const {
  std::set<std::string> known;
  for (Index block = 0; block < config.blocks; ++block) {
    const BlockLayout layout = block_layout(config, block);
    for (const GroupLayout& group : layout.groups()) {
      check(group);
      known.merge(names_of(group, format_));
    }
  }
  tensors_.refuse_others(known);
}

void LowRankFile::check(const GroupLayout& layout) const {
  if (format_.centered) checked_vector(tensors_, layout.name + ".mean", layout.inputs());
  for (const LinearStack& stack : stacks_of(layout, format_.stacked)) {
    if (format_.centered) checked_vector(tensors_, stack.name + ".center_bias", stack.rows);
    if (!tensors_.find(stack.name + ".u") && !tensors_.find(stack.name + ".v")) continue;
    const Index rank = check_factor(tensors_, stack.name + ".v", layout.inputs(), layout.inputs());
    if (check_factor(tensors_, stack.name + ".u", stack.rows, layout.inputs()) != rank)
      refuse(tensors_.at(stack.name + ".u"), fmt::format("of rank {}", rank));
    const std::vector<Index> parts = part_rows(layout, stack);
    if (parts.size() > 1) check_sizes(tensors_, stack.name + ".u_size", std::ssize(parts));
  }
}

MatrixF LowRankFile::left_factor(const GroupLayout& layout, const LinearStack& stack) const {
  MatrixF u = factor(stack.name + ".u", stack.rows);
  const std::vector<Index> parts = part_rows(layout, stack);
  if (parts.size() == 1) return u;
  const VectorF sizes = read_vector(tensors_, stack.name + ".u_size");  // a part's
  Index first = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    u.middleRows(first, parts[i]) *= sizes(static_cast<Index>(i));
    first += parts[i];
  }
  return u;
}

MatrixF LowRankFile::factor(const std::string& name, Index rows) const {
  const TensorInfo& info = tensors_.at(name);
  MatrixF values(rows, info.shape[1]);
  if (info.dtype != Dtype::i8) {
    tensors_.read(info, {values.data(), static_cast<std::size_t>(values.size())});
    return values;
  }
  std::vector<std::int8_t> codes(static_cast<std::size_t>(values.size()));  // rows×k
  tensors_.read_bytes(info, 0, std::as_writable_bytes(std::span(codes)));
  const VectorF scales = read_vector(tensors_, name + "_scale");  // k
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index j = 0; j < values.cols(); ++j)
      values(i, j) = static_cast<float>(codes[static_cast<std::size_t>(i * values.cols() + j)]) * scales[j];
  }
  return values;
}

void LowRankFile::complete(const GroupLayout& layout, LinearGroup& group) const {
  group.residual = format_.residual;
  if (format_.centered) group.mean = read_vector(tensors_, layout.name + ".mean");
  for (const LinearStack& stack : stacks_of(layout, format_.stacked)) {
    const bool corrected = tensors_.find(stack.name + ".v") != nullptr;
    const MatrixF u = corrected ? left_factor(layout, stack) : MatrixF(stack.rows, 0);
    const VectorF bias = format_.centered ? read_vector(tensors_, stack.name + ".center_bias") : VectorF();
    Branch branch{
        .v = corrected ? factor(stack.name + ".v", layout.inputs()) : MatrixF(), .u = {}, .first = stack.first};
    Index row = 0;
    for (std::size_t i = stack.first; i < stack.first + stack.count; ++i) {
      Linear& linear = group.linears[i];
      const Index rows = linear.weight.rows();
      branch.u.emplace_back(u.middleRows(row, rows));
      if (bias.size() > 0 && linear.bias.size() == 0) linear.bias = VectorF::Zero(rows);
      if (bias.size() > 0) linear.bias += bias.segment(row, rows);
      row += rows;
    }
    if (corrected) group.branches.push_back(std::move(branch));
  }
}

}  // namespace lrc
