#include "lrc/quantization/moments/branch_moments.hpp"

#include <cassert>

#include "lrc/quantization/moments/damped_moments.hpp"

namespace lrc {

template <class Matrix>
BranchMomentsOf<Matrix> branch_moments(Execution& exec, const Matrix& xx, const Matrix& xy, const Matrix& v,
                                       double damping) {
  assert(xx.rows() == v.rows() && xx.cols() == v.rows() && xy.rows() == v.rows() && xy.cols() == v.rows());
  BranchMomentsOf<Matrix> branch{product(exec, xx, v), product(exec, xy, v, Op::transpose), {}, {}};
  branch.bb = symmetric_product(exec, v, branch.xb, Op::transpose);
  const double raise = kShareOfDamping * damping * mean_diagonal(xx);
  const VectorD powers = column_squares(exec, v);
  VectorD diagonal = branch.bb.diagonal();  // k
  for (Index j = 0; j < diagonal.size(); ++j) diagonal(j) += powers(j) > 0 ? raise * powers(j) : 1.0;
  branch.root = branch.bb;
  set_diagonal(exec, diagonal, branch.root);
  upper_cholesky(exec, branch.root);
  return branch;
}

template <class Matrix>
Matrix fitted_left_factor(Execution& exec, const Matrix& weight, const Matrix& quantized,
                          const BranchMomentsOf<Matrix>& branch, const Matrix& start) {
  assert(start.rows() == weight.rows() && start.cols() == branch.bb.cols());
  // U = U₀ + (W X Bᵀ − Ŵ Y Bᵀ − U₀ B Bᵀ)(R Rᵀ)⁻¹: the least of the loss + a distance to U₀.
  Matrix u = product(exec, weight, branch.xb);
  gemm(exec, Op::none, Op::none, -1.0, quantized, branch.yb, 1.0, u);
  gemm(exec, Op::none, Op::none, -1.0, start, branch.bb, 1.0, u);
  divide_upper(exec, Op::transpose, branch.root, u);
  divide_upper(exec, Op::none, branch.root, u);
  add(exec, 1.0, start, u);
  return u;
}

using Distributed = DistributedMatrix;
template BranchMoments branch_moments(Execution&, const MatrixD&, const MatrixD&, const MatrixD&, double);
template BranchMomentsOf<Distributed> branch_moments(Execution&, const Distributed&, const Distributed&,
                                                     const Distributed&, double);
template MatrixD fitted_left_factor(Execution&, const MatrixD&, const MatrixD&, const BranchMoments&, const MatrixD&);
template Distributed fitted_left_factor(Execution&, const Distributed&, const Distributed&,
                                        const BranchMomentsOf<Distributed>&, const Distributed&);

}  // namespace lrc
