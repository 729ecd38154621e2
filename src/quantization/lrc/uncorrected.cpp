#include "lrc/quantization/lrc/uncorrected.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// `crossed` = diag(X (P X)ᵀ) and `seen` = diag(P X (P X)ᵀ) of what was quantized, P X; `xx`, `xy`, `yy`: diagonals.
VectorD noise_of(const VectorD& xx, const VectorD& xy, const VectorD& yy, const VectorD& crossed, const VectorD& seen) {
  double power = 0;
  for (Index j = 0; j < xx.size(); ++j) power += xx(j);
  const double share = power / std::max(seen.sum(), 1e-300);
  VectorD noise(seen.size());
  for (Index j = 0; j < noise.size(); ++j) {
    const double slope = crossed(j) > 0 ? xy(j) / crossed(j) : 0.0;
    noise(j) = share * std::max(yy(j) - slope * slope * seen(j), 0.0);
  }
  return noise;
}

}  // namespace

template <class Matrix>
VectorD noise_powers(const MomentsOf<Matrix>& moments) {
  const VectorD powers = moments.xx.diagonal();
  return noise_of(powers, moments.xy.diagonal(), moments.yy.diagonal(), powers, powers);
}

template <class Matrix>
VectorD noise_powers(Execution& exec, const MomentsOf<Matrix>& moments, const Matrix& directions,
                     const BranchMomentsOf<Matrix>& branch) {
  assert(directions.rows() == moments.xx.rows() && branch.xb.cols() == directions.cols());
  const VectorD powers = moments.xx.diagonal();
  const VectorD taken = row_products(exec, branch.xb, directions);  // (Sx E Eᵀ)_jj
  const VectorD covered = row_products(exec, product(exec, directions, branch.bb), directions);
  const VectorD seen = powers + (covered - 2 * taken);
  return noise_of(powers, moments.xy.diagonal(), moments.yy.diagonal(), powers - taken, seen.cwiseMax(0.0));
}

template <class Matrix>
VectorD uncorrected_losses(const Matrix& weight, const MatrixF& scales, const WeightGrid& grid, const Matrix& root,
                           const VectorD& noise) {
  assert(weight.cols() == root.cols() && weight.cols() == noise.size());
  const MatrixD& rows = own_rows(weight);
  assert(scales.rows() == rows.rows());
  const Index width = grid.group_width(rows.cols());
  const VectorD diagonal = root.diagonal();       // d_in
  VectorD pivots = VectorD::Zero(scales.cols());  // of a group of columns
  for (Index j = 0; j < rows.cols(); ++j) pivots(j / width) += diagonal(j) * diagonal(j);
  VectorD losses(rows.rows());
  for (Index i = 0; i < rows.rows(); ++i) {
    double sum = 0;
    for (Index j = 0; j < rows.cols(); ++j) sum += rows(i, j) * rows(i, j) * noise(j);
    for (Index group = 0; group < scales.cols(); ++group) {
      const auto step = static_cast<double>(scales(i, group));
      sum += step * step / 12 * pivots(group);
    }
    losses(i) = sum;
  }
  return losses;
}

using Distributed = DistributedMatrix;
template VectorD noise_powers(const Moments&);
template VectorD noise_powers(const MomentsOf<Distributed>&);
template VectorD noise_powers(Execution&, const Moments&, const MatrixD&, const BranchMoments&);
template VectorD noise_powers(Execution&, const MomentsOf<Distributed>&, const Distributed&,
                              const BranchMomentsOf<Distributed>&);
template VectorD uncorrected_losses(const MatrixD&, const MatrixF&, const WeightGrid&, const MatrixD&, const VectorD&);
template VectorD uncorrected_losses(const Distributed&, const MatrixF&, const WeightGrid&, const Distributed&,
                                    const VectorD&);

}  // namespace lrc
