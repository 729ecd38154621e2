#include "lrc/quantization/lrc/lrc.hpp"

#include <cassert>
#include <cmath>
#include <limits>

#include "lrc/quantization/grid/gptq.hpp"
#include "lrc/quantization/lrc/deflated_step.hpp"
#include "lrc/quantization/lrc/lrc_steps.hpp"
#include "lrc/quantization/lrc/objective.hpp"
#include "lrc/quantization/lrc/stored_refit.hpp"
#include "lrc/quantization/lrc/uncorrected.hpp"
#include "lrc/quantization/moments/damped_moments.hpp"

namespace lrc {
namespace {

template <class Matrix>
QuantizedWeight quantize_step(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                              const LowRankOf<Matrix>& correction, const Matrix& yy_root, double lambda,
                              const SolveOptions& options) {
  if (!options.deflated) {
    return gptq(exec, quantize_target(exec, weight, correction, moments, yy_root, lambda), yy_root, options.grid);
  }
  const auto branch = branch_moments(exec, moments.xx, moments.xy, correction.v, options.damping);
  const auto step = deflated_step(exec, weight, without(exec, weight, correction), moments, branch, options.damping);
  return gptq(exec, step.target, step.root, options.grid);
}

}  // namespace

template <class Matrix>
SolveResult solve_lrc(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                      const SolveOptions& options) {
  assert(options.iterations >= 1);
  const double lambda = damping_term(moments.xx, options.damping);
  Matrix yy_root = raised_root(exec, moments.yy, lambda);  // d_in×d_in
  LowRankOf<Matrix> correction = initial_correction(exec, weight, moments, yy_root, lambda, options.rank);
  if (options.deflated) yy_root = {};  // those steps have roots of their own
  const Matrix xx_root = raised_root(exec, moments.xx, lambda);
  SolveResult best;
  best.relative_loss = std::numeric_limits<double>::infinity();
  for (Index iteration = 1; iteration <= options.iterations; ++iteration) {
    SolveResult next;
    set_codes(next, quantize_step(exec, weight, moments, correction, yy_root, lambda, options));
    const Matrix values = quantized_values(weight, next, options);
    correction = refitted_correction(exec, weight, values, moments, xx_root, lambda, options.rank);
    set_factors(next, stored_with_refit(exec, weight, values, moments.xx, moments.xy, correction, options));
    measure_losses(exec, weight, values, moments, next);
    if (next.relative_loss >= best.relative_loss) continue;  // the quantize step need not descend
    best = std::move(next);
  }
  if (options.rank > 0 && std::isfinite(best.relative_loss))
    best.uncorrected = uncorrected_losses(weight, best.scales, options.grid, xx_root, noise_powers(moments));
  best.damping = options.damping;
  best.iterations_done = options.iterations;
  return best;
}

template SolveResult solve_lrc(Execution&, const MatrixD&, const Moments&, const SolveOptions&);
template SolveResult solve_lrc(Execution&, const DistributedMatrix&, const MomentsOf<DistributedMatrix>&,
                               const SolveOptions&);

}  // namespace lrc
