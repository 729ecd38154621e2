#include "lrc/rotation/equalized_model.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace lrc {
namespace {

constexpr double kOutOfLine = 3, kFarFromOne = 16;

bool is_beyond(double ratio, double limit) { return ratio > limit || ratio < 1 / limit; }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Of row `first` and those after it.
VectorD row_norms(const MatrixF& weight, Index first) {
  VectorD norms(weight.rows() - first);
  for (Index i = 0; i < norms.size(); ++i) norms(i) = weight.row(first + i).cast<double>().norm();
  return norms;
}

VectorD column_norms(const MatrixF& weight) {
  VectorD squares = VectorD::Zero(weight.cols());
  for (Index i = 0; i < weight.rows(); ++i) squares += weight.row(i).transpose().cast<double>().cwiseAbs2();
  return squares.cwiseSqrt();
}

// The channel of the values that o's input channel `channel` has: query heads share the values of their key's head.
Index value_channel(const ModelConfig& config, Index channel) {
  const Index head = channel / config.head_dim, shared = config.heads / config.kv_heads;
  return head / shared * config.head_dim + channel % config.head_dim;
}

// The norms of a value's columns of o: the root of their mean square over the heads that share it.
VectorD value_norms(const ModelConfig& config, const MatrixF& o) {
  const VectorD columns = column_norms(o);
  VectorD squares = VectorD::Zero(config.key_size());
  for (Index j = 0; j < columns.size(); ++j) squares(value_channel(config, j)) += columns(j) * columns(j);
  return (squares * static_cast<double>(config.kv_heads) / static_cast<double>(config.heads)).cwiseSqrt();
}

// The last outputs of a group's last linear times the factors: v of q, k, v and up of gate, up, fused or not.
void multiply_outputs(Linear& linear, const VectorF& factors) {
  const Index first = linear.weight.rows() - factors.size();
  for (Index i = 0; i < factors.size(); ++i) linear.weight.row(first + i) *= factors(i);
  if (linear.bias.size() > 0) linear.bias.tail(factors.size()).array() *= factors.array();
}

void divide_inputs(Linear& linear, const VectorF& factors) {
  linear.weight.array().rowwise() /= factors.transpose().array();
}

VectorF for_inputs_of_o(const ModelConfig& config, const VectorF& values) {
  VectorF factors(config.query_size());
  for (Index j = 0; j < factors.size(); ++j) factors(j) = values(value_channel(config, j));
  return factors;
}

// Of the MLPs of a layout, in which gate_up and down follow upon qkv and attention_out.
std::size_t mlp_of(const GroupLayout& layout) {
  return layout.expert == kNoExpert ? 0 : static_cast<std::size_t>(layout.expert);
}

Index factors_in(const VectorF& factors) { return factors.size() - (factors.array() == 1.0F).count(); }

}  // namespace

bool BlockEqualization::is_identity() const {
  return values.size() == 0 && std::all_of(inner.begin(), inner.end(), [](const VectorF& f) { return f.size() == 0; });
}

VectorF equalizing_factors(const VectorD& written, const VectorD& read) {
  assert(written.size() == read.size() && written.allFinite() && read.allFinite());
  VectorD ideal = VectorD::Zero(written.size());  // s; 0: has none
  std::vector<double> known;
  for (Index c = 0; c < ideal.size(); ++c) {
    if (!(written(c) > 0 && read(c) > 0)) continue;
    known.push_back(ideal(c) = std::sqrt(read(c) / written(c)));
  }
  if (known.empty()) return {};
  const double middle = median(std::move(known));
  const double all = is_beyond(middle, kFarFromOne) ? std::exp2(std::round(std::log2(middle))) : 1.0;
  VectorF factors = VectorF::Constant(ideal.size(), static_cast<float>(all));
  for (Index c = 0; c < ideal.size(); ++c) {
    const double ratio = ideal(c) / middle;
    if (ideal(c) > 0 && is_beyond(ratio, kOutOfLine)) factors(c) = static_cast<float>(all * ratio);
  }
  return factors_in(factors) > 0 ? factors : VectorF();
}

BlockEqualization equalization_of(const Model& model, Index index) {
  const ModelConfig& config = model.config();
  BlockEqualization result;
  VectorD written;
  for (const GroupLayout& layout : block_layout(config, index).groups()) {
    const LinearGroup group = model.group(index, layout);
    const MatrixF& last = group.linears.back().weight;
    switch (layout.role) {
      case GroupRole::qkv:
        written = row_norms(last, last.rows() - config.key_size());
        break;
      case GroupRole::attention_out:
        result.values = equalizing_factors(written, value_norms(config, last));
        break;
      case GroupRole::gate_up:
        written = row_norms(last, last.rows() - config.intermediate_size);
        break;
      case GroupRole::down:
        result.inner.push_back(equalizing_factors(written, column_norms(last)));
        break;
    }
  }
  return result;
}

EqualizedModel::EqualizedModel(const Model& below, std::vector<BlockEqualization> blocks)
    : ModelOnModel(below), blocks_(std::move(blocks)) {
  assert(std::ssize(blocks_) == config().blocks);
}

LinearGroup EqualizedModel::group(Index index, const GroupLayout& layout) const {
  LinearGroup group = below().group(index, layout);
  const BlockEqualization& block = blocks_[static_cast<std::size_t>(index)];
  const bool attention = layout.role == GroupRole::qkv || layout.role == GroupRole::attention_out;
  const VectorF& factors = attention ? block.values : block.inner.at(mlp_of(layout));
  if (factors.size() == 0) return group;
  if (layout.role == GroupRole::attention_out) {
    divide_inputs(group.linears[0], for_inputs_of_o(config(), factors));
  } else if (layout.role == GroupRole::down) {
    divide_inputs(group.linears[0], factors);
  } else {
    multiply_outputs(group.linears.back(), factors);
  }
  return group;
}

Index EqualizedModel::channels() const {
  Index count = 0;
  for (const BlockEqualization& block : blocks_) {
    count += factors_in(block.values);
    for (const VectorF& factors : block.inner) count += factors_in(factors);
  }
  return count;
}

}  // namespace lrc
