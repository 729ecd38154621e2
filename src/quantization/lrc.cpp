#include "lrc/quantization/lrc.hpp"

#include <cassert>
#include <limits>

#include "lrc/quantization/deflated_step.hpp"
#include "lrc/quantization/gptq.hpp"
#include "lrc/quantization/lrc_steps.hpp"
#include "lrc/quantization/objective.hpp"
#include "lrc/quantization/stored_refit.hpp"
#include "lrc/quantization/uncorrected.hpp"

namespace lrc {
namespace {

QuantizedWeight quantize_step(Execution& exec, const MatrixD& weight, const Moments& moments, const LowRank& correction,
                              const MatrixD& yy_factor, double lambda, const SolveOptions& options) {
  if (!options.deflated) {
    return gptq(exec, quantize_target(exec, weight, correction, moments, yy_factor, lambda), yy_factor, options.grid);
  }
  const BranchMoments branch = branch_moments(exec, moments.xx, moments.xy, correction.v, options.damping);
  const DeflatedStep step =
      deflated_step(exec, weight, without(exec, weight, correction), moments, branch, options.damping);
  return gptq(exec, step.target, step.factor, options.grid);
}

}  // namespace

SolveResult solve_lrc(Execution& exec, const MatrixD& weight, const Moments& moments, const SolveOptions& options) {
  assert(options.iterations >= 1);
  const double lambda = damping_term(moments.xx, options.damping);
  MatrixD yy_factor = raised_factor(exec, moments.yy, lambda);  // d_in×d_in
  LowRank correction = initial_correction(exec, weight, moments, yy_factor, lambda, options.rank);
  if (options.deflated) yy_factor = {};  // those steps have factors of their own
  const MatrixD xx_factor = raised_factor(exec, moments.xx, lambda);
  SolveResult best;
  best.relative_loss = std::numeric_limits<double>::infinity();
  for (Index iteration = 1; iteration <= options.iterations; ++iteration) {
    QuantizedWeight quantized = quantize_step(exec, weight, moments, correction, yy_factor, lambda, options);
    const MatrixF values = dequantized(quantized.codes, quantized.scales, options.grid.group_size);
    correction = refitted_correction(exec, weight, values, moments, xx_factor, lambda, options.rank);
    StoredLowRank factors = stored_with_refit(exec, weight, values, moments.xx, moments.xy, correction, options);
    RowLosses losses = row_losses(exec, weight, values, factors.u.values, factors.v.values, moments);
    if (losses.relative() >= best.relative_loss) continue;  // the quantize step need not descend
    best.codes = std::move(quantized.codes);
    best.scales = std::move(quantized.scales);
    set_factors(best, std::move(factors));
    set_losses(best, std::move(losses));
  }
  if (options.rank > 0)
    best.uncorrected = uncorrected_losses(weight, best.scales, options.grid, xx_factor, noise_powers(moments));
  best.damping = options.damping;
  best.iterations_done = options.iterations;
  return best;
}

}  // namespace lrc
