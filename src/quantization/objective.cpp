#include "lrc/quantization/objective.hpp"

#include <array>
#include <cassert>

#include "lrc/linalg/triangular.hpp"

namespace lrc {
namespace {

// Σ a_i b_i in an order that does not depend on where the arrays lie in memory.
double dot(const double* a, const double* b, Index size) {
  constexpr Index kLanes = 16;
  std::array<double, kLanes> lanes{};
  Index i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (Index lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (Index lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i];
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

// diag(A Bᵀ)
VectorD row_products(const MatrixD& a, const MatrixD& b) {
  VectorD result(a.rows());
  for (Index row = 0; row < a.rows(); ++row) result(row) = dot(a.row(row).data(), b.row(row).data(), a.cols());
  return result;
}

}  // namespace

double RowLosses::relative(Index first, Index rows) const {
  double some_lost = 0, some_power = 0;
  for (Index i = first; i < first + rows; ++i) {
    some_lost += lost(i);
    some_power += power(i);
  }
  return some_power == 0 ? 0 : some_lost / some_power;
}

VectorD quadratic_forms(Execution& exec, const MatrixD& a, const MatrixD& s) {
  assert(s.rows() == a.cols() && s.cols() == a.cols());
  // With T the upper triangle of S: S = T + Tᵀ − diag(S), so A T is enough: half the operations of A S.
  MatrixD b = a;
  multiply_upper(exec, Op::none, s, b);
  VectorD sums = 2 * row_products(a, b);
  const VectorD diagonal = s.diagonal();
  for (Index row = 0; row < a.rows(); ++row) b.row(row) = a.row(row).cwiseProduct(diagonal.transpose());
  sums -= row_products(a, b);
  return sums;
}

RowLosses row_losses(Execution& exec, const MatrixD& weight, const MatrixF& quantized, const MatrixF& u,
                     const MatrixF& v, const Moments& moments) {
  assert(quantized.rows() == weight.rows() && quantized.cols() == weight.cols());
  assert(u.rows() == weight.rows() && v.rows() == weight.cols() && u.cols() == v.cols());
  const MatrixD codes = quantized.cast<double>();
  MatrixD rest = weight;
  gemm(exec, Op::none, Op::transpose, -1.0, u.cast<double>(), v.cast<double>(), 1.0, rest);
  const VectorD cross = row_products(rest, product(exec, codes, moments.xy, Op::none, Op::transpose));
  return {.lost = quadratic_forms(exec, rest, moments.xx) - 2 * cross + quadratic_forms(exec, codes, moments.yy),
          .power = quadratic_forms(exec, weight, moments.xx)};
}

}  // namespace lrc
