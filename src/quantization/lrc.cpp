#include "lrc/quantization/lrc.hpp"

#include <cassert>
#include <limits>

#include "lrc/quantization/gptq.hpp"
#include "lrc/quantization/lrc_steps.hpp"
#include "lrc/quantization/objective.hpp"

namespace lrc {

SolveResult solve_lrc(ThreadPool& pool, const MatrixD& weight, const Moments& moments, const SolveOptions& options) {
  assert(options.iterations >= 1);
  const MatrixD yy_factor = damped_factor(pool, moments.yy, options.damping);
  LowRank correction = initial_correction(pool, weight, moments, yy_factor, options.damping, options.rank);
  const MatrixD xx_factor = damped_factor(pool, moments.xx, options.damping);
  SolveResult best;
  best.relative_loss = std::numeric_limits<double>::infinity();
  for (Index iteration = 1; iteration <= options.iterations; ++iteration) {
    QuantizedWeight quantized =
        gptq(pool, quantize_target(pool, weight, correction, moments, yy_factor), yy_factor, options.grid);
    const MatrixF values = dequantized(quantized.codes, quantized.scales, options.grid.group_size);
    correction = refitted_correction(pool, weight, values, moments, xx_factor, options.rank);
    StoredLowRank factors = stored(correction, options.factor_bits);
    const double loss = relative_loss(pool, weight, values, factors.u, factors.v, moments);
    if (loss >= best.relative_loss) continue;  // the quantize step need not descend
    best.codes = std::move(quantized.codes);
    best.scales = std::move(quantized.scales);
    best.u = std::move(factors.u);
    best.v = std::move(factors.v);
    best.relative_loss = loss;
  }
  best.damping = options.damping;
  best.iterations_done = options.iterations;
  return best;
}

}  // namespace lrc
