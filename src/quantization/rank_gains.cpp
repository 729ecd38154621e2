#include "lrc/quantization/rank_gains.hpp"

#include <cassert>
#include <cmath>

#include "lrc/linalg/eigen.hpp"
#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/damped_moments.hpp"
#include "lrc/quantization/lrc_steps.hpp"

namespace lrc {

VectorD relaxed_gains(Execution& exec, const MatrixD& weight, const Moments& moments, double damping, Index most) {
  assert(most <= weight.rows() && most <= weight.cols());
  MatrixD scaled = weight;  // d_out×d_in: W R
  {
    const double lambda = damping_term(moments.xx, damping);
    const MatrixD yy_root = raised_root(exec, moments.yy, lambda);
    multiply_upper(exec, Op::none, relaxed_root(exec, moments, yy_root, lambda), scaled);
  }
  const bool wide = weight.rows() <= weight.cols();
  MatrixD gram = wide ? symmetric_product(exec, scaled, scaled, Op::none, Op::transpose)
                      : symmetric_product(exec, scaled, scaled, Op::transpose, Op::none);
  return leading_eigenvectors(exec, std::move(gram), most).values;
}

VectorD residual_gains(Execution& exec, const MatrixD& weight, const MatrixD& xx, double noise_ratio, Index most) {
  assert(weight.cols() == xx.rows());
  double power = 0;
  for (Index i = 0; i < weight.rows(); ++i) {
    for (Index j = 0; j < weight.cols(); ++j) power += weight(i, j) * weight(i, j);
  }
  VectorD gains = leading_eigenvectors(exec, xx, most).values;
  gains *= noise_ratio * power / static_cast<double>(weight.cols());
  return gains;
}

double rounding_noise(int bits, double clip, Index d) {
  assert(bits >= 2 && d >= 1);
  if (bits >= 16) return 0;
  const double largest = std::sqrt(2 * std::log(static_cast<double>(d)));
  const double step = clip * largest / (std::ldexp(1.0, bits - 1) - 1);
  return step * step / 12;
}

}  // namespace lrc
