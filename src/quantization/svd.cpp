#include "lrc/quantization/svd.hpp"

#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/gptq.hpp"
#include "lrc/quantization/lrc_steps.hpp"
#include "lrc/quantization/objective.hpp"
#include "lrc/quantization/stored_refit.hpp"
#include "lrc/quantization/uncorrected.hpp"

namespace lrc {

SolveResult solve_svd(Execution& exec, const MatrixD& weight, const Moments& moments, const SolveOptions& options) {
  const MatrixD factor = damped_factor(exec, moments.xx, options.damping);
  QuantizedWeight quantized = gptq(exec, weight, factor, options.grid);
  const MatrixF values = dequantized(quantized.codes, quantized.scales, options.grid.group_size);
  MatrixD scaled = weight - values.cast<double>();
  multiply_upper(exec, Op::none, factor, scaled);
  // Like the codes, U takes the activations for exact: Sx stands for Sxy.
  StoredLowRank factors = stored_with_refit(exec, weight, values, moments.xx, moments.xx,
                                            best_low_rank(exec, scaled, factor, options.rank), options);
  SolveResult result{.codes = std::move(quantized.codes), .scales = std::move(quantized.scales), .u = {}, .v = {}};
  set_factors(result, std::move(factors));
  set_losses(result, row_losses(exec, weight, values, result.u, result.v, moments));
  if (options.rank > 0)
    result.uncorrected = uncorrected_losses(weight, result.scales, options.grid, factor, noise_powers(moments));
  result.damping = options.damping;
  return result;
}

}  // namespace lrc
