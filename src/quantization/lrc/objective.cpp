#include "lrc/quantization/lrc/objective.hpp"

#include <cassert>

namespace lrc {

double RowLosses::relative(Index first, Index rows) const {
  double some_lost = 0, some_power = 0;
  for (Index i = first; i < first + rows; ++i) {
    some_lost += lost(i);
    some_power += power(i);
  }
  return some_power == 0 ? 0 : some_lost / some_power;
}

template <class Matrix>
VectorD quadratic_forms(Execution& exec, const Matrix& a, const Matrix& s) {
  assert(s.rows() == a.cols() && s.cols() == a.cols());
  // With T the upper triangle of S: S = T + Tᵀ − diag(S), so A T is enough: half the operations of A S.
  Matrix b = a;
  multiply_upper(exec, Op::none, s, b);
  VectorD sums = 2 * row_products(exec, a, b);
  b = a;
  scale_columns(exec, s.diagonal(), b);
  sums -= row_products(exec, a, b);
  return sums;
}

template <class Matrix>
RowLosses row_losses(Execution& exec, const Matrix& weight, const Matrix& quantized, const Matrix& u, const Matrix& v,
                     const MomentsOf<Matrix>& moments) {
  assert(quantized.rows() == weight.rows() && quantized.cols() == weight.cols());
  assert(u.rows() == weight.rows() && v.rows() == weight.cols() && u.cols() == v.cols());
  Matrix rest = weight;
  gemm(exec, Op::none, Op::transpose, -1.0, u, v, 1.0, rest);
  const VectorD cross = row_products(exec, rest, product(exec, quantized, moments.xy, Op::none, Op::transpose));
  return {.lost = quadratic_forms(exec, rest, moments.xx) - 2 * cross + quadratic_forms(exec, quantized, moments.yy),
          .power = quadratic_forms(exec, weight, moments.xx)};
}

template VectorD quadratic_forms(Execution&, const MatrixD&, const MatrixD&);
template VectorD quadratic_forms(Execution&, const DistributedMatrix&, const DistributedMatrix&);
template RowLosses row_losses(Execution&, const MatrixD&, const MatrixD&, const MatrixD&, const MatrixD&,
                              const Moments&);
template RowLosses row_losses(Execution&, const DistributedMatrix&, const DistributedMatrix&, const DistributedMatrix&,
                              const DistributedMatrix&, const MomentsOf<DistributedMatrix>&);

}  // namespace lrc
