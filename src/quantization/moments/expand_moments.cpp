#include "lrc/quantization/moments/expand_moments.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// Sx becomes P Sx Pᵀ = Sx − F Eᵀ − E Fᵀ with F = Sx E − E (Eᵀ Sx E)/2, for any E = `e`; `xe` is Sx E (d_in×k).
template <class Matrix>
void take_out(Execution& exec, const Matrix& e, const Matrix& xe, Matrix& xx) {
  Matrix f = xe;  // d_in×k
  gemm(exec, Op::none, Op::none, -0.5, e, symmetric_product(exec, e, xe, Op::transpose), 1.0, f);
  add(exec, -1.0, symmetric_sum(exec, f, e), xx);
}

}  // namespace

template <class Matrix>
void expand_diagonals(Execution& exec, MomentsOf<Matrix>& moments, const VectorD& xy, const VectorD& yy,
                      const Matrix& directions) {
  const Index d_in = moments.xx.rows();
  assert(moments.xx.cols() == d_in && xy.size() == d_in && yy.size() == d_in);
  const Matrix xe = product(exec, moments.xx, directions);  // d_in×k: Sx E
  moments.yy = moments.xx;                                  // P Sx Pᵀ
  if (directions.cols() > 0) take_out(exec, directions, xe, moments.yy);
  moments.xy = moments.xx;  // Sx Pᵀ
  if (directions.cols() > 0) gemm(exec, Op::none, Op::transpose, -1.0, xe, directions, 1.0, moments.xy);
  VectorD slope(d_in);  // c
  const VectorD seen = moments.yy.diagonal();
  for (Index j = 0; j < d_in; ++j) slope(j) = seen(j) > 0 ? xy(j) / seen(j) : 0.0;
  scale_columns(exec, slope, moments.xy);
  scale_rows(exec, slope, moments.yy);
  scale_columns(exec, slope, moments.yy);
  // The noise n_j fills the diagonal up to Σ y_j²; rounded sums may leave it a little below zero.
  set_diagonal(exec, VectorD(moments.yy.diagonal()).cwiseMax(yy), moments.yy);
}

Moments expand_moments(Execution& exec, const SummedMoments& sums, const MatrixF& directions) {
  const Index d_in = sums.xx.rows();
  assert(sums.xx.cols() == d_in && sums.xy.cols() == d_in && sums.yy.cols() == d_in);
  assert(sums.xy.rows() == sums.yy.rows() && (sums.xy.rows() == d_in || sums.xy.rows() == 1));
  Moments moments{sums.tokens, sums.xx.cast<double>(), {}, {}, sums.borrowed};
  if (has_diagonals(sums)) {
    const MatrixD e = directions.size() > 0 ? MatrixD(directions.cast<double>()) : MatrixD(d_in, 0);
    expand_diagonals(exec, moments, sums.xy.row(0).cast<double>(), sums.yy.row(0).cast<double>(), e);
  } else {
    moments.xy = sums.xy.cast<double>();
    moments.yy = sums.yy.cast<double>();
  }
  return moments;
}

double expand_directions_bytes(Index d_in, Index k) {
  constexpr double kMatrices = 7;  // d_in×k, at the most
  return kMatrices * sizeof(double) * static_cast<double>(d_in * k);
}

template void expand_diagonals(Execution&, Moments&, const VectorD&, const VectorD&, const MatrixD&);
template void expand_diagonals(Execution&, MomentsOf<DistributedMatrix>&, const VectorD&, const VectorD&,
                               const DistributedMatrix&);

}  // namespace lrc
