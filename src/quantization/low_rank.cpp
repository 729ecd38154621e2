#include "lrc/quantization/low_rank.hpp"

#include <cassert>
#include <cmath>
#include <limits>

#include "lrc/linalg/eigen.hpp"
#include "lrc/linalg/triangular.hpp"

namespace lrc {
namespace {

double column_norm(const MatrixD& a, Index col) {
  double sum = 0;
  for (Index row = 0; row < a.rows(); ++row) sum += a(row, col) * a(row, col);
  return std::sqrt(sum);
}

}  // namespace

MatrixD without(Execution& exec, const MatrixD& weight, const LowRank& correction) {
  MatrixD rest = weight;
  gemm(exec, Op::none, Op::transpose, -1.0, correction.u, correction.v, 1.0, rest);
  return rest;
}

VectorD inverse_singular_values(const VectorD& eigenvalues, Index rows) {
  const double zero = eigenvalues(0) * std::numeric_limits<double>::epsilon() * static_cast<double>(rows);
  VectorD result(eigenvalues.size());
  for (Index j = 0; j < result.size(); ++j) {
    result(j) = eigenvalues(j) > zero ? 1.0 / std::sqrt(eigenvalues(j)) : 0.0;
  }
  return result;
}

MatrixD leading_left_vectors(Execution& exec, const MatrixD& a, Index k) {
  assert(0 <= k && k <= a.rows() && k <= a.cols());
  if (k == 0) return MatrixD(a.rows(), 0);
  if (a.rows() <= a.cols()) {
    return leading_eigenvectors(symmetric_product(exec, a, a, Op::none, Op::transpose), k).vectors;
  }
  const LeadingEigenvectors right = leading_eigenvectors(symmetric_product(exec, a, a, Op::transpose, Op::none), k);
  MatrixD left = product(exec, a, right.vectors);
  const VectorD scales = inverse_singular_values(right.values, left.rows());
  for (Index j = 0; j < left.cols(); ++j) left.col(j) *= scales(j);
  return left;
}

LowRank best_low_rank(Execution& exec, const MatrixD& scaled, const MatrixD& factor, Index k) {
  MatrixD u = leading_left_vectors(exec, scaled, k);
  MatrixD v_transposed = product(exec, u, scaled, Op::transpose, Op::none);  // k×d_in
  divide_upper(exec, Op::none, factor, v_transposed);
  return {std::move(u), v_transposed.transpose()};
}

LowRank balanced(const LowRank& correction) {
  const auto& [u, v] = correction;
  assert(u.cols() == v.cols());
  LowRank result{MatrixD::Zero(u.rows(), u.cols()), MatrixD::Zero(v.rows(), v.cols())};
  for (Index j = 0; j < u.cols(); ++j) {
    const double u_norm = column_norm(u, j), v_norm = column_norm(v, j);
    if (!(u_norm > 0 && v_norm > 0)) continue;
    const double balance = std::sqrt(v_norm / u_norm);
    for (Index i = 0; i < u.rows(); ++i) result.u(i, j) = u(i, j) * balance;
    for (Index i = 0; i < v.rows(); ++i) result.v(i, j) = v(i, j) / balance;
  }
  return result;
}

StoredLowRank stored(const LowRank& correction, int factor_bits, Dtype half) {
  const LowRank scaled = balanced(correction);
  return {stored_factor(scaled.u, factor_bits, half), stored_factor(scaled.v, factor_bits, half)};
}

}  // namespace lrc
