#include "lrc/quantization/clip_choice.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/linalg/gemm.hpp"

namespace lrc {
namespace {

VectorD column_powers_of(const MatrixD& weight) {
  VectorD powers = VectorD::Zero(weight.cols());
  for (Index i = 0; i < weight.rows(); ++i) {
    for (Index j = 0; j < weight.cols(); ++j) powers(j) += weight(i, j) * weight(i, j);
  }
  return powers;
}

}  // namespace

double clip_cost(const VectorD& column_powers, const VectorD& xx, const ClipCandidate& candidate) {
  assert(column_powers.size() == xx.size() && candidate.xy.size() == xx.size() && candidate.yy.size() == xx.size());
  double cost = 0;
  for (Index j = 0; j < xx.size(); ++j) {
    const double xy = candidate.xy(j), yy = candidate.yy(j);
    const double told = yy > 0 ? xy * xy / yy : 0.0;
    cost += column_powers(j) * std::max(xx(j) - told, 0.0);
  }
  return cost;
}

Index choose_clip(const MatrixD& weight, const VectorD& xx, const std::vector<ClipCandidate>& candidates) {
  assert(!candidates.empty());
  const VectorD powers = column_powers_of(weight);
  Index best = 0;
  double least = clip_cost(powers, xx, candidates[0]);
  for (Index i = 1; i < std::ssize(candidates); ++i) {
    const double cost = clip_cost(powers, xx, candidates[i]);
    if (cost >= least) continue;
    least = cost;
    best = i;
  }
  return best;
}

VectorD residual_powers(Execution& exec, const MatrixD& xx, const MatrixF& directions) {
  assert(xx.rows() == directions.rows() && xx.cols() == directions.rows());
  // Row j of P Sx Pᵀ at j: Sx_jj − 2 (Sx E)_j·E_j + E_j (Eᵀ Sx E) E_jᵀ.
  const MatrixD e = directions.cast<double>();                                          // d_in×k
  const MatrixD xe = product(exec, xx, e);                                              // d_in×k
  const MatrixD eee = product(exec, e, symmetric_product(exec, e, xe, Op::transpose));  // d_in×k
  VectorD powers(xx.rows());
  for (Index j = 0; j < xx.rows(); ++j) {
    double taken = 0;
    for (Index i = 0; i < e.cols(); ++i) taken += (2 * xe(j, i) - eee(j, i)) * e(j, i);
    powers(j) = std::max(xx(j, j) - taken, 0.0);
  }
  return powers;
}

}  // namespace lrc
