#include "lrc/quantization/lrc/residual_directions.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/eigen.hpp"
#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/low_rank/low_rank.hpp"
#include "lrc/quantization/moments/damped_moments.hpp"

namespace lrc {
namespace {

// The leading left vectors of W X (d_out×k), through the smaller of W Sx Wᵀ and Rᵀ Wᵀ W R.
MatrixD leading_outputs(Execution& exec, const MatrixD& weight, const MatrixD& xx, Index k, double damping) {
  if (weight.rows() <= weight.cols()) {
    const MatrixD half = product(exec, weight, xx);  // d_out×d_in: W Sx
    return leading_eigenvectors(exec, symmetric_product(exec, half, weight, Op::none, Op::transpose), k).vectors;
  }
  const MatrixD root = damped_root(exec, xx, damping);
  MatrixD scaled = weight;
  multiply_upper(exec, Op::none, root, scaled);
  return leading_left_vectors(exec, scaled, k);
}

MatrixD weighted_directions(Execution& exec, const MatrixD& weight, const MatrixD& xx, Index k, double damping) {
  const MatrixD outputs = leading_outputs(exec, weight, xx, k, damping);  // d_out×k
  return orthonormalized(exec, product(exec, weight, outputs, Op::transpose));
}

// Each column divided by its norm; one below `least` becomes zero.
void normalize_columns(MatrixD& v, double least) {
  for (Index j = 0; j < v.cols(); ++j) {
    double square = 0;
    for (Index i = 0; i < v.rows(); ++i) square += v(i, j) * v(i, j);
    const double norm = std::sqrt(square);
    v.col(j) *= norm > least ? 1.0 / norm : 0.0;
  }
}

double largest_magnitude(const MatrixD& v) {
  double largest = 0;
  for (Index i = 0; i < v.size(); ++i) largest = std::max(largest, std::abs(v.data()[i]));
  return largest;
}

}  // namespace

MatrixD orthonormalized(Execution& exec, MatrixD v) {
  // Cholesky QR, three times: V (Vᵀ V)^-½ loses half the digits where V is ill-conditioned, and the next passes find
  // what is left nearly orthonormal. The diagonal is raised so that dependent and zero columns do not stop it.
  constexpr double kRaise = 1e-13, kNoColumn = 1e-11;
  normalize_columns(v, kNoColumn * largest_magnitude(v));
  for (int pass = 0; pass < 3; ++pass) {
    MatrixD gram = symmetric_product(exec, v, v, Op::transpose);  // k×k
    for (Index j = 0; j < gram.rows(); ++j) gram(j, j) += kRaise * static_cast<double>(gram.rows());
    upper_cholesky(exec, gram);
    divide_upper(exec, Op::transpose, gram, v);
  }
  return v;
}

MatrixD residual_directions(Execution& exec, const MatrixD& weight, const MatrixD& xx, Index k, double damping) {
  assert(weight.cols() == xx.rows() && 0 <= k && k <= xx.rows());
  const Index leading = std::max(ceil_div(k, 2), k - weight.rows());
  MatrixD e(xx.rows(), k);
  const MatrixD first = leading_eigenvectors(exec, xx, leading).vectors;  // d_in×leading
  MatrixD rest = weight;                                                  // W (I − E Eᵀ)
  gemm(exec, Op::none, Op::transpose, -1.0, product(exec, weight, first), first, 1.0, rest);
  e.leftCols(leading) = first;
  e.rightCols(k - leading) = weighted_directions(exec, rest, xx, k - leading, damping);
  return e;
}

// W (I − E Eᵀ); then the factor of Sx, or W Sx and an eigenproblem on the smaller side; directions and copies of them.
double residual_directions_bytes(Index d_out, Index d_in, Index k) {
  const auto rows = static_cast<double>(d_out), d = static_cast<double>(d_in), rank = static_cast<double>(k);
  const double w = rows * d, smaller = std::min(rows, d);
  return sizeof(double) * (w + std::max(d * d, w + 2 * smaller * smaller) + 4 * d * rank + rows * rank);
}

}  // namespace lrc
