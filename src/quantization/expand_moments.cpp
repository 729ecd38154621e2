#include "lrc/quantization/expand_moments.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/linalg/gemm.hpp"

namespace lrc {
namespace {

// Sxy and Sy from `crossed` = Sx Pᵀ and `seen` = P Sx Pᵀ (d_in×d_in each), the moments of what is quantized.
void set_from_diagonals(Moments& moments, const SummedMoments& sums, const MatrixD& crossed, const MatrixD& seen) {
  const Index d_in = seen.rows();
  VectorD slope(d_in);  // c
  for (Index j = 0; j < d_in; ++j) slope(j) = seen(j, j) > 0 ? sums.xy(0, j) / seen(j, j) : 0.0;
  moments.xy = crossed * slope.asDiagonal();
  moments.yy = slope.asDiagonal() * seen * slope.asDiagonal();
  for (Index j = 0; j < d_in; ++j) {
    // The noise n_j fills the diagonal up to Σ y_j²; rounded sums may leave it a little below zero.
    moments.yy(j, j) = std::max<double>(moments.yy(j, j), sums.yy(0, j));
  }
}

// P Sx Pᵀ = Sx − F Eᵀ − E Fᵀ with F = Sx E − E (Eᵀ Sx E)/2, for any E.
MatrixD residual_moments(Execution& exec, const MatrixD& xx, const MatrixD& e, const MatrixD& xe) {
  const Index d_in = e.rows(), k = e.cols();
  MatrixD left(d_in, 2 * k), right(d_in, 2 * k);  // [F E] and [E F]
  left.leftCols(k) = xe;
  gemm(exec, Op::none, Op::none, -0.5, e, symmetric_product(exec, e, xe, Op::transpose), 1.0, left.leftCols(k));
  left.rightCols(k) = e;
  right.leftCols(k) = e;
  right.rightCols(k) = left.leftCols(k);
  return xx - symmetric_product(exec, left, right, Op::none, Op::transpose);
}

void require_sizes(const SummedMoments& sums) {
  const Index d_in = sums.xx.rows();
  assert(sums.xx.cols() == d_in && sums.xy.cols() == d_in && sums.yy.cols() == d_in);
  assert(sums.xy.rows() == sums.yy.rows() && (sums.xy.rows() == d_in || sums.xy.rows() == 1));
}

}  // namespace

Moments expand_moments(const SummedMoments& sums) {
  require_sizes(sums);
  Moments moments{sums.tokens, sums.xx.cast<double>(), {}, {}, sums.borrowed};
  if (has_diagonals(sums)) {
    set_from_diagonals(moments, sums, moments.xx, moments.xx);
  } else {
    moments.xy = sums.xy.cast<double>();
    moments.yy = sums.yy.cast<double>();
  }
  return moments;
}

Moments expand_moments(Execution& exec, const SummedMoments& sums, const MatrixF& directions) {
  assert(directions.rows() == sums.xx.rows());
  if (directions.cols() == 0 || !has_diagonals(sums)) return expand_moments(sums);
  require_sizes(sums);
  Moments moments{sums.tokens, sums.xx.cast<double>(), {}, {}, sums.borrowed};
  const MatrixD e = directions.cast<double>();      // d_in×k
  const MatrixD xe = product(exec, moments.xx, e);  // d_in×k: Sx E
  const MatrixD seen = residual_moments(exec, moments.xx, e, xe);
  MatrixD crossed = moments.xx;  // d_in×d_in: Sx Pᵀ = Sx − Sx E Eᵀ
  gemm(exec, Op::none, Op::transpose, -1.0, xe, e, 1.0, crossed);
  set_from_diagonals(moments, sums, crossed, seen);
  return moments;
}

}  // namespace lrc
