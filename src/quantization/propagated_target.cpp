#include "lrc/quantization/propagated_target.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/core/log.hpp"
#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/lrc_steps.hpp"

namespace lrc {
namespace {

// R of X̂ X̂ᵀ + λ I = R Rᵀ, with as much damping as it takes.
MatrixD factor_of(ThreadPool& pool, const MatrixD& xx, const TargetOptions& options) {
  for (double damping = options.damping;; damping = std::clamp(10 * damping, 1e-8, 1.0)) {
    try {
      return damped_factor(pool, xx, damping);
    } catch (const CholeskyFailure& failure) {
      if (damping >= 1) throw Error(fmt::format("{}: {} even with a damping of 1", options.name, failure.what()));
      log_warning(fmt::format("{}: {} with a damping of {}: raised", options.name, failure.what(), damping));
    }
  }
}

}  // namespace

MatrixD propagated_weight(ThreadPool& pool, const MatrixD& weight, const MatrixD& xx, const MatrixD& drift,
                          const TargetOptions& options) {
  assert(xx.rows() == weight.cols() && drift.rows() == weight.cols() && drift.cols() == weight.cols());
  assert(options.blend >= 0 && options.blend <= 1);
  if (options.blend == 0) return weight;
  const MatrixD factor = factor_of(pool, xx, options);
  MatrixD change(weight.rows(), weight.cols());  // α W D X̂ᵀ (R Rᵀ)⁻¹
  gemm(pool, Op::none, Op::none, options.blend, weight, drift, 0.0, change);
  divide_upper(pool, Op::transpose, factor, change);
  divide_upper(pool, Op::none, factor, change);
  return weight + change;
}

}  // namespace lrc
