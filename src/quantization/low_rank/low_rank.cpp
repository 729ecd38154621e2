#include "lrc/quantization/low_rank/low_rank.hpp"

#include <cassert>
#include <cmath>
#include <limits>

namespace lrc {
namespace {

// 1 / singular value for each eigenvalue (descending, at least one) of aᵀ·a, or 0 where that is zero to working
// precision; `rows` are those of a.
VectorD inverse_singular_values(const VectorD& eigenvalues, Index rows) {
  const double zero = eigenvalues(0) * std::numeric_limits<double>::epsilon() * static_cast<double>(rows);
  VectorD result(eigenvalues.size());
  for (Index j = 0; j < result.size(); ++j) {
    result(j) = eigenvalues(j) > zero ? 1.0 / std::sqrt(eigenvalues(j)) : 0.0;
  }
  return result;
}

}  // namespace

template <class Matrix>
Matrix without(Execution& exec, const Matrix& weight, const LowRankOf<Matrix>& correction) {
  Matrix rest = weight;
  gemm(exec, Op::none, Op::transpose, -1.0, correction.u, correction.v, 1.0, rest);
  return rest;
}

template <class Matrix>
Matrix leading_left_vectors(Execution& exec, const Matrix& a, Index k) {
  assert(0 <= k && k <= a.rows() && k <= a.cols());
  if (k == 0) return zeros(a, a.rows(), 0);
  if (a.rows() <= a.cols())
    return leading_eigenvectors(exec, symmetric_product(exec, a, a, Op::none, Op::transpose), k).vectors;
  const auto right = leading_eigenvectors(exec, symmetric_product(exec, a, a, Op::transpose, Op::none), k);
  Matrix left = product(exec, a, right.vectors);
  scale_columns(exec, inverse_singular_values(right.values, left.rows()), left);
  return left;
}

template <class Matrix>
LowRankOf<Matrix> best_low_rank(Execution& exec, const Matrix& scaled, const Matrix& root, Index k) {
  Matrix u = leading_left_vectors(exec, scaled, k);
  Matrix v_transposed = product(exec, u, scaled, Op::transpose, Op::none);  // k×d_in
  divide_upper(exec, Op::none, root, v_transposed);
  return {std::move(u), transposed(exec, v_transposed)};
}

template <class Matrix>
LowRankOf<Matrix> balanced(Execution& exec, const LowRankOf<Matrix>& correction) {
  assert(correction.u.cols() == correction.v.cols());
  const VectorD u_norms = column_squares(exec, correction.u).cwiseSqrt();
  const VectorD v_norms = column_squares(exec, correction.v).cwiseSqrt();
  VectorD scales(u_norms.size()), divisors(v_norms.size());  // k
  for (Index j = 0; j < scales.size(); ++j) {
    const bool is_zero = !(u_norms(j) > 0 && v_norms(j) > 0);
    scales(j) = is_zero ? 0.0 : std::sqrt(v_norms(j) / u_norms(j));
    divisors(j) = is_zero ? std::numeric_limits<double>::infinity() : scales(j);
  }
  LowRankOf<Matrix> result = correction;
  scale_columns(exec, scales, result.u);
  divide_columns(exec, divisors, result.v);
  return result;
}

template <class Matrix>
StoredLowRank stored(Execution& exec, const LowRankOf<Matrix>& correction, int factor_bits, Dtype half) {
  const LowRankOf<Matrix> scaled = balanced(exec, correction);
  return {stored_factor(scaled.u, factor_bits, half), stored_factor(scaled.v, factor_bits, half)};
}

template MatrixD without(Execution&, const MatrixD&, const LowRank&);
template DistributedMatrix without(Execution&, const DistributedMatrix&, const LowRankOf<DistributedMatrix>&);
template MatrixD leading_left_vectors(Execution&, const MatrixD&, Index);
template DistributedMatrix leading_left_vectors(Execution&, const DistributedMatrix&, Index);
template LowRank best_low_rank(Execution&, const MatrixD&, const MatrixD&, Index);
template LowRankOf<DistributedMatrix> best_low_rank(Execution&, const DistributedMatrix&, const DistributedMatrix&,
                                                    Index);
template LowRank balanced(Execution&, const LowRank&);
template LowRankOf<DistributedMatrix> balanced(Execution&, const LowRankOf<DistributedMatrix>&);
template StoredLowRank stored(Execution&, const LowRank&, int, Dtype);
template StoredLowRank stored(Execution&, const LowRankOf<DistributedMatrix>&, int, Dtype);

}  // namespace lrc
