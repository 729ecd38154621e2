#include "lrc/quantization/lrc/residual.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/quantization/grid/gptq.hpp"
#include "lrc/quantization/lrc/deflated_step.hpp"
#include "lrc/quantization/lrc/objective.hpp"
#include "lrc/quantization/lrc/uncorrected.hpp"

namespace lrc {
namespace {

// How far Ŵ is drawn to W where the moments say little. Along weak directions Y is mostly rounding noise, which a small
// Ŵ keeps out: of SmolLM2-135M, whose strong directions are taken out, that is worth 1 % of perplexity. Of fewer tokens
// than inputs, though, directions are not weak but unseen.
double share_of_unseen(Index inputs, Index tokens) {
  const double inputs_a_token = static_cast<double>(inputs) / static_cast<double>(std::max<Index>(1, tokens));
  return std::min(1.0, inputs_a_token * inputs_a_token);
}

}  // namespace

template <class Matrix>
SolveResult solve_residual(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                           const SolveOptions& options) {
  assert(options.directions != nullptr);
  const StoredFactor& directions = *options.directions;
  const Matrix e = from_own_rows(weight, weight.cols(), directions.values);  // d_in×k
  const auto branch = branch_moments(exec, moments.xx, moments.xy, e, options.damping);
  // With E orthonormal and Y free of its span, U would be W E.
  const LowRankOf<Matrix> start{product(exec, weight, e), e};
  SolveResult result;
  {
    Matrix rest = without(exec, weight, start);
    scale(exec, share_of_unseen(weight.cols(), moments.tokens + moments.borrowed), rest);
    const auto step = deflated_step(exec, weight, std::move(rest), moments, branch, options.damping);
    set_codes(result, gptq(exec, step.target, step.root, options.grid));
    result.uncorrected =
        uncorrected_losses(weight, result.scales, options.grid, step.root, noise_powers(exec, moments, e, branch));
  }
  const Matrix values = quantized_values(weight, result, options);
  const Matrix u = fitted_left_factor(exec, weight, values, branch, start.u);
  set_factors(result, {stored_factor(u, options.factor_bits, options.factor_dtype), directions});
  set_losses(result,
             row_losses(exec, weight, values, from_own_rows(weight, weight.rows(), result.u.values), e, moments));
  result.damping = options.damping;
  result.iterations_done = 1;
  return result;
}

template SolveResult solve_residual(Execution&, const MatrixD&, const Moments&, const SolveOptions&);
template SolveResult solve_residual(Execution&, const DistributedMatrix&, const MomentsOf<DistributedMatrix>&,
                                    const SolveOptions&);

}  // namespace lrc
