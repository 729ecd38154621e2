#include "lrc/quantization/residual.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/quantization/deflated_step.hpp"
#include "lrc/quantization/gptq.hpp"
#include "lrc/quantization/objective.hpp"
#include "lrc/quantization/uncorrected.hpp"

namespace lrc {
namespace {

// How far Ŵ is drawn to W where the moments say little. Along weak directions Y is mostly rounding noise, which a small
// Ŵ keeps out: of SmolLM2-135M, whose strong directions are taken out, that is worth 1 % of perplexity. Of fewer tokens
// than inputs, though, directions are not weak but unseen.
double share_of_unseen(const Moments& moments) {
  const auto tokens = static_cast<double>(std::max<Index>(1, moments.tokens + moments.borrowed));
  const double inputs_a_token = static_cast<double>(moments.xx.rows()) / tokens;
  return std::min(1.0, inputs_a_token * inputs_a_token);
}

}  // namespace

SolveResult solve_residual(Execution& exec, const MatrixD& weight, const Moments& moments,
                           const SolveOptions& options) {
  assert(options.directions != nullptr);
  const StoredFactor& directions = *options.directions;
  const MatrixD e = directions.values.cast<double>();  // d_in×k
  const BranchMoments branch = branch_moments(exec, moments.xx, moments.xy, e, options.damping);
  const LowRank start{product(exec, weight, e), e};  // with E orthonormal and Y free of its span, U would be W E
  QuantizedWeight quantized;
  VectorD uncorrected;  // d_out
  {
    MatrixD rest = without(exec, weight, start);
    rest *= share_of_unseen(moments);
    const DeflatedStep step = deflated_step(exec, weight, std::move(rest), moments, branch, options.damping);
    quantized = gptq(exec, step.target, step.factor, options.grid);
    uncorrected =
        uncorrected_losses(weight, quantized.scales, options.grid, step.factor, noise_powers(moments, e, branch));
  }
  const MatrixF values = dequantized(quantized.codes, quantized.scales, options.grid.group_size);
  const MatrixD u = fitted_left_factor(exec, weight, values, branch, start.u);
  StoredFactor stored_u = stored_factor(u, options.factor_bits, options.factor_dtype);
  SolveResult result;
  set_losses(result, row_losses(exec, weight, values, stored_u.values, directions.values, moments));
  result.uncorrected = std::move(uncorrected);
  result.codes = std::move(quantized.codes);
  result.scales = std::move(quantized.scales);
  set_factors(result, {std::move(stored_u), directions});
  result.damping = options.damping;
  result.iterations_done = 1;
  return result;
}

}  // namespace lrc
