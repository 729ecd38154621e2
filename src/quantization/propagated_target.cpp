#include "lrc/quantization/propagated_target.hpp"

#include <cassert>

#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/damping.hpp"
#include "lrc/quantization/lrc_steps.hpp"

namespace lrc {
namespace {

// R of X̂ X̂ᵀ + λ I = R Rᵀ, with as much damping as it takes.
MatrixD factor_of(Execution& exec, const MatrixD& xx, const TargetOptions& options) {
  MatrixD factor;
  with_damping(options.name, options.damping, [&](double damping) { factor = damped_factor(exec, xx, damping); });
  return factor;
}

}  // namespace

MatrixD propagated_weight(Execution& exec, const MatrixD& weight, const MatrixD& xx, const MatrixD& drift,
                          const TargetOptions& options) {
  assert(xx.rows() == weight.cols() && drift.rows() == weight.cols() && drift.cols() == weight.cols());
  assert(options.blend >= 0 && options.blend <= 1);
  if (options.blend == 0 || tells_nothing(xx.diagonal())) return weight;
  const MatrixD factor = factor_of(exec, xx, options);
  MatrixD change(weight.rows(), weight.cols());  // α W D X̂ᵀ (R Rᵀ)⁻¹
  gemm(exec, Op::none, Op::none, options.blend, weight, drift, 0.0, change);
  divide_upper(exec, Op::transpose, factor, change);
  divide_upper(exec, Op::none, factor, change);
  return weight + change;
}

}  // namespace lrc
