#include "lrc/quantization/stored_refit.hpp"

#include "lrc/quantization/branch_moments.hpp"

namespace lrc {

StoredLowRank stored_with_refit(Execution& exec, const MatrixD& weight, const MatrixF& quantized, const MatrixD& xx,
                                const MatrixD& xy, const LowRank& correction, const SolveOptions& options) {
  const int bits = options.factor_bits;
  if (bits == 16) return stored(correction, bits, options.factor_dtype);
  const LowRank scaled = balanced(correction);
  StoredFactor v = stored_factor(scaled.v, bits);
  const BranchMoments branch = branch_moments(exec, xx, xy, v.values.cast<double>(), options.damping);
  const MatrixD u = fitted_left_factor(exec, weight, quantized, branch, scaled.u);
  return {stored_factor(u, bits), std::move(v)};
}

}  // namespace lrc
