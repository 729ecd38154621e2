#include "lrc/quantization/stored_refit.hpp"

#include "lrc/quantization/branch_moments.hpp"

namespace lrc {

StoredLowRank stored_with_refit(ThreadPool& pool, const MatrixD& weight, const MatrixF& quantized, const MatrixD& xx,
                                const MatrixD& xy, const LowRank& correction, int factor_bits, double damping) {
  if (factor_bits == 16) return stored(correction, factor_bits);
  const LowRank scaled = balanced(correction);
  StoredFactor v = stored_factor(scaled.v, factor_bits);
  const BranchMoments branch = branch_moments(pool, xx, xy, v.values.cast<double>(), damping);
  const MatrixD u = fitted_left_factor(pool, weight, quantized, branch, scaled.u);
  return {stored_factor(u, factor_bits), std::move(v)};
}

}  // namespace lrc
