#include "lrc/quantization/low_rank/svd.hpp"

#include "lrc/quantization/grid/gptq.hpp"
#include "lrc/quantization/lrc/objective.hpp"
#include "lrc/quantization/lrc/stored_refit.hpp"
#include "lrc/quantization/lrc/uncorrected.hpp"
#include "lrc/quantization/moments/damped_moments.hpp"

namespace lrc {

template <class Matrix>
SolveResult solve_svd(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                      const SolveOptions& options) {
  const Matrix root = damped_root(exec, moments.xx, options.damping);
  SolveResult result;
  set_codes(result, gptq(exec, weight, root, options.grid));
  const Matrix values = quantized_values(weight, result, options);
  Matrix scaled = weight;  // (W − Ŵ) R
  add(exec, -1.0, values, scaled);
  multiply_upper(exec, Op::none, root, scaled);
  // Like the codes, U takes the activations for exact: Sx stands for Sxy.
  set_factors(result, stored_with_refit(exec, weight, values, moments.xx, moments.xx,
                                        best_low_rank(exec, scaled, root, options.rank), options));
  measure_losses(exec, weight, values, moments, result);
  if (options.rank > 0)
    result.uncorrected = uncorrected_losses(weight, result.scales, options.grid, root, noise_powers(moments));
  result.damping = options.damping;
  return result;
}

template SolveResult solve_svd(Execution&, const MatrixD&, const Moments&, const SolveOptions&);
template SolveResult solve_svd(Execution&, const DistributedMatrix&, const MomentsOf<DistributedMatrix>&,
                               const SolveOptions&);

}  // namespace lrc
