#include "lrc/quantization/uncorrected.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// `crossed` = diag(X (P X)ᵀ) and `seen` = diag(P X (P X)ᵀ) of what was quantized, P X.
VectorD noise_of(const Moments& moments, const VectorD& crossed, const VectorD& seen) {
  const double share = moments.xx.trace() / std::max(seen.sum(), 1e-300);
  VectorD noise(seen.size());
  for (Index j = 0; j < noise.size(); ++j) {
    const double slope = crossed(j) > 0 ? moments.xy(j, j) / crossed(j) : 0.0;
    noise(j) = share * std::max(moments.yy(j, j) - slope * slope * seen(j), 0.0);
  }
  return noise;
}

}  // namespace

VectorD noise_powers(const Moments& moments) {
  const VectorD powers = moments.xx.diagonal();
  return noise_of(moments, powers, powers);
}

VectorD noise_powers(const Moments& moments, const MatrixD& directions, const BranchMoments& branch) {
  assert(directions.rows() == moments.xx.rows() && branch.xb.cols() == directions.cols());
  VectorD crossed = moments.xx.diagonal(), seen = crossed;
  for (Index j = 0; j < seen.size(); ++j) {
    const double taken = branch.xb.row(j).dot(directions.row(j));  // (Sx E Eᵀ)_jj
    crossed(j) -= taken;
    seen(j) += (directions.row(j) * branch.bb).dot(directions.row(j)) - 2 * taken;
  }
  return noise_of(moments, crossed, seen.cwiseMax(0.0));
}

VectorD uncorrected_losses(const MatrixD& weight, const MatrixF& scales, const WeightGrid& grid, const MatrixD& factor,
                           const VectorD& noise) {
  assert(weight.cols() == factor.cols() && weight.cols() == noise.size() && scales.rows() == weight.rows());
  const Index width = grid.group_width(weight.cols());
  VectorD pivots = VectorD::Zero(scales.cols());  // of a group of columns
  for (Index j = 0; j < weight.cols(); ++j) pivots(j / width) += factor(j, j) * factor(j, j);
  VectorD losses(weight.rows());
  for (Index i = 0; i < weight.rows(); ++i) {
    double sum = 0;
    for (Index j = 0; j < weight.cols(); ++j) sum += weight(i, j) * weight(i, j) * noise(j);
    for (Index group = 0; group < scales.cols(); ++group) {
      const auto step = static_cast<double>(scales(i, group));
      sum += step * step / 12 * pivots(group);
    }
    losses(i) = sum;
  }
  return losses;
}

}  // namespace lrc
