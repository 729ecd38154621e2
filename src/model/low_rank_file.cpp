#include "lrc/model/low_rank_file.hpp"

namespace lrc {
namespace {

[[noreturn]] void refuse(const TensorInfo& info, const std::string& allowed) {
  throw InputError(info.file.string(),
                   fmt::format("tensor '{}' does not fit the model: it must be {}", info.name, allowed));
}

void check_vector(const TensorInfo& info, Index size) {
  const bool is_float = info.dtype == Dtype::f32 || info.dtype == Dtype::f16 || info.dtype == Dtype::bf16;
  if (info.shape != std::vector<Index>{size} || !is_float) refuse(info, fmt::format("{} floating-point numbers", size));
}

// Of rows×k; returns k.
Index check_factor(const TensorDirectory& tensors, const std::string& name, Index rows) {
  const TensorInfo& info = tensors.at(name);
  const bool codes = info.dtype == Dtype::i8;
  if (info.shape.size() != 2 || info.shape[0] != rows || (!codes && info.dtype != Dtype::f16))
    refuse(info, fmt::format("{}×k, F16 or I8", rows));
  if (codes) check_vector(tensors.at(name + "_scale"), info.shape[1]);
  return info.shape[1];
}

VectorF read_vector(const TensorDirectory& tensors, const std::string& name) {
  const TensorInfo& info = tensors.at(name);
  VectorF values(info.elements());
  tensors.read(info, {values.data(), static_cast<std::size_t>(values.size())});
  return values;
}

}  // namespace

LowRankFile::LowRankFile(const std::filesystem::path& directory, const QuantizedFormat& format)
    : tensors_(directory, kLowRankFile), format_(format) {}

void LowRankFile::check(const GroupLayout& layout) const {
  if (format_.centered) check_vector(tensors_.at(layout.name + ".mean"), layout.inputs());
  if (const TensorInfo* clip = tensors_.find(layout.name + ".clip")) check_vector(*clip, 1);
  for (const LinearStack& stack : stacks_of(layout, format_.stacked)) {
    if (format_.centered) check_vector(tensors_.at(stack.name + ".center_bias"), stack.rows);
    if (!tensors_.find(stack.name + ".v")) continue;
    const Index rank = check_factor(tensors_, stack.name + ".v", layout.inputs());
    if (check_factor(tensors_, stack.name + ".u", stack.rows) != rank)
      refuse(tensors_.at(stack.name + ".u"), fmt::format("of rank {}", rank));
  }
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
  if (tensors_.find(layout.name + ".clip")) group.quantizer.clip = read_vector(tensors_, layout.name + ".clip")[0];
  for (const LinearStack& stack : stacks_of(layout, format_.stacked)) {
    const bool corrected = tensors_.find(stack.name + ".v") != nullptr;
    const MatrixF u = corrected ? factor(stack.name + ".u", stack.rows) : MatrixF(stack.rows, 0);
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
