#include "lrc/quantization/expand_moments.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

Moments from_diagonals(const SummedMoments& sums) {
  const Index d_in = sums.xx.rows();
  Moments moments{sums.tokens, sums.xx.cast<double>(), MatrixD(d_in, d_in), MatrixD(d_in, d_in), sums.borrowed};
  VectorD slope(d_in);  // c
  for (Index j = 0; j < d_in; ++j) slope(j) = moments.xx(j, j) > 0 ? sums.xy(0, j) / moments.xx(j, j) : 0.0;
  moments.xy = moments.xx * slope.asDiagonal();
  moments.yy = slope.asDiagonal() * moments.xy;
  for (Index j = 0; j < d_in; ++j) {
    // The noise n_j fills the diagonal up to Σ y_j²; rounded sums may leave it a little below zero.
    moments.yy(j, j) = std::max<double>(moments.yy(j, j), sums.yy(0, j));
  }
  return moments;
}

}  // namespace

Moments expand_moments(const SummedMoments& sums) {
  const Index d_in = sums.xx.rows();
  assert(sums.xx.cols() == d_in && sums.xy.cols() == d_in && sums.yy.cols() == d_in);
  assert(sums.xy.rows() == sums.yy.rows() && (sums.xy.rows() == d_in || sums.xy.rows() == 1));
  if (sums.xy.rows() == 1) return from_diagonals(sums);
  return {sums.tokens, sums.xx.cast<double>(), sums.xy.cast<double>(), sums.yy.cast<double>(), sums.borrowed};
}

}  // namespace lrc
