#include "lrc/quantization/lrc/stored_refit.hpp"

#include "lrc/quantization/moments/branch_moments.hpp"

namespace lrc {

template <class Matrix>
StoredLowRank stored_with_refit(Execution& exec, const Matrix& weight, const Matrix& quantized, const Matrix& xx,
                                const Matrix& xy, const LowRankOf<Matrix>& correction, const SolveOptions& options) {
  const int bits = options.factor_bits;
  if (bits == 16) return stored(exec, correction, bits, options.factor_dtype);
  const LowRankOf<Matrix> scaled = balanced(exec, correction);
  StoredFactor v = stored_factor(scaled.v, bits);
  const auto branch = branch_moments(exec, xx, xy, from_own_rows(weight, weight.cols(), v.values), options.damping);
  const Matrix u = fitted_left_factor(exec, weight, quantized, branch, scaled.u);
  return {stored_factor(u, bits), std::move(v)};
}

using Distributed = DistributedMatrix;
template StoredLowRank stored_with_refit(Execution&, const MatrixD&, const MatrixD&, const MatrixD&, const MatrixD&,
                                         const LowRank&, const SolveOptions&);
template StoredLowRank stored_with_refit(Execution&, const Distributed&, const Distributed&, const Distributed&,
                                         const Distributed&, const LowRankOf<Distributed>&, const SolveOptions&);

}  // namespace lrc
