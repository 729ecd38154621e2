#include "lrc/quantization/branch_moments.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/triangular.hpp"

namespace lrc {
namespace {

constexpr double kShareOfDamping = 1e-2;

double mean_diagonal(const MatrixD& a) {
  double trace = 0;
  for (Index i = 0; i < a.rows(); ++i) trace += a(i, i);
  return trace / static_cast<double>(std::max<Index>(1, a.rows()));
}

double column_power(const MatrixD& a, Index column) {
  double sum = 0;
  for (Index i = 0; i < a.rows(); ++i) sum += a(i, column) * a(i, column);
  return sum;
}

}  // namespace

BranchMoments branch_moments(Execution& exec, const MatrixD& xx, const MatrixD& xy, const MatrixD& v, double damping) {
  assert(xx.rows() == v.rows() && xx.cols() == v.rows() && xy.rows() == v.rows() && xy.cols() == v.rows());
  BranchMoments branch{product(exec, xx, v), product(exec, xy, v, Op::transpose), {}, {}};
  branch.bb = symmetric_product(exec, v, branch.xb, Op::transpose);
  branch.factor = branch.bb;
  const double raise = kShareOfDamping * damping * mean_diagonal(xx);
  for (Index j = 0; j < v.cols(); ++j) {
    const double power = column_power(v, j);
    branch.factor(j, j) += power > 0 ? raise * power : 1.0;
  }
  upper_cholesky(exec, branch.factor);
  return branch;
}

MatrixD fitted_left_factor(Execution& exec, const MatrixD& weight, const MatrixF& quantized,
                           const BranchMoments& branch, const MatrixD& start) {
  assert(start.rows() == weight.rows() && start.cols() == branch.bb.cols());
  // U = U₀ + (W X Bᵀ − Ŵ Y Bᵀ − U₀ B Bᵀ)(R Rᵀ)⁻¹: the least of the loss + a distance to U₀.
  MatrixD change = product(exec, weight, branch.xb);
  gemm(exec, Op::none, Op::none, -1.0, quantized.cast<double>(), branch.yb, 1.0, change);
  gemm(exec, Op::none, Op::none, -1.0, start, branch.bb, 1.0, change);
  divide_upper(exec, Op::transpose, branch.factor, change);
  divide_upper(exec, Op::none, branch.factor, change);
  return start + change;
}

}  // namespace lrc
