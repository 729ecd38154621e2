#include "lrc/rotation/smoothed_model.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace lrc {
namespace {

constexpr double kLeast = 1e-5;

// What `dtype` holds of the value, or the value where that is nothing.
float stored(Dtype dtype, float value) {
  const float rounded = rounded_to(dtype, value);
  return std::isfinite(rounded) && rounded != 0 ? rounded : value;
}

}  // namespace

VectorF smoothing_scales(const VectorD& inputs, const VectorD& weights, double alpha) {
  assert(inputs.size() == weights.size() && alpha >= 0 && alpha <= 1);
  VectorF scales(inputs.size());
  for (Index j = 0; j < scales.size(); ++j) {
    const double x = std::max(inputs(j), kLeast), w = std::max(weights(j), kLeast);
    scales(j) = static_cast<float>(std::max(std::pow(x, alpha) / std::pow(w, 1 - alpha), kLeast));
  }
  return scales;
}

SmoothedModel::SmoothedModel(const Model& below, SmoothingScales scales)
    : ModelOnModel(below), scales_(std::move(scales)) {
  for ([[maybe_unused]] const GroupRole reader : {GroupRole::qkv, GroupRole::gate_up}) {
    assert(scales_.at(reader).rows() == config().blocks && scales_.at(reader).cols() == config().hidden_size);
    assert((scales_.at(reader).array() > 0).all());
  }
}

VectorF SmoothedModel::norm(Index index, GroupRole reader) const {
  VectorF norm = below().norm(index, reader);
  const MatrixF& scales = scales_.at(reader);
  for (Index j = 0; j < norm.size(); ++j) norm(j) = stored(config().dtype.value(), norm(j) / scales(index, j));
  return norm;
}

// A channel whose norm is zero is always zero.
void SmoothedModel::multiply_inputs(MatrixF& weight, Index index, GroupRole reader) const {
  const VectorF before = below().norm(index, reader), now = norm(index, reader);
  for (Index j = 0; j < now.size(); ++j) {
    if (now(j) != 0) weight.col(j) *= before(j) / now(j);
  }
}

LinearGroup SmoothedModel::group(Index index, const GroupLayout& layout) const {
  LinearGroup group = below().group(index, layout);
  if (!scales_.contains(layout.role)) return group;
  for (Linear& linear : group.linears) multiply_inputs(linear.weight, index, layout.role);
  return group;
}

MatrixF SmoothedModel::router(Index index) const {
  MatrixF router = below().router(index);
  if (router.rows() > 0) multiply_inputs(router, index, GroupRole::gate_up);
  return router;
}

}  // namespace lrc
