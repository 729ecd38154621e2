#include "lrc/quantization/branch_moments.hpp"

#include <cassert>

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/triangular.hpp"

namespace lrc {
namespace {

constexpr double kShareOfDamping = 1e-3;

void raise_diagonal(MatrixD& a, double damping) {
  for (Index j = 0; j < a.rows(); ++j) a(j, j) = a(j, j) == 0 ? 1.0 : a(j, j) * (1 + kShareOfDamping * damping);
}

}  // namespace

BranchMoments branch_moments(ThreadPool& pool, const MatrixD& xx, const MatrixD& xy, const MatrixD& v, double damping) {
  assert(xx.rows() == v.rows() && xx.cols() == v.rows() && xy.rows() == v.rows() && xy.cols() == v.rows());
  BranchMoments branch{product(pool, xx, v), product(pool, xy, v, Op::transpose), {}, {}};
  branch.bb = symmetric_product(pool, v, branch.xb, Op::transpose);
  branch.factor = branch.bb;
  raise_diagonal(branch.factor, damping);
  upper_cholesky(pool, branch.factor);
  return branch;
}

MatrixD fitted_left_factor(ThreadPool& pool, const MatrixD& weight, const MatrixF& quantized,
                           const BranchMoments& branch, const MatrixD& start) {
  assert(start.rows() == weight.rows() && start.cols() == branch.bb.cols());
  // U = U₀ + (W X Bᵀ − Ŵ Y Bᵀ − U₀ B Bᵀ)(R Rᵀ)⁻¹: the least of the loss + a distance to U₀.
  MatrixD change = product(pool, weight, branch.xb);
  gemm(pool, Op::none, Op::none, -1.0, quantized.cast<double>(), branch.yb, 1.0, change);
  gemm(pool, Op::none, Op::none, -1.0, start, branch.bb, 1.0, change);
  divide_upper(pool, Op::transpose, branch.factor, change);
  divide_upper(pool, Op::none, branch.factor, change);
  return start + change;
}

}  // namespace lrc
