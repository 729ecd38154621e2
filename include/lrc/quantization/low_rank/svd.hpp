// The baselines that only look at X: GPTQ, and GPTQ with its error's best low-rank approximation (LQER-like).
#pragma once

#include "lrc/quantization/solve.hpp"

namespace lrc {

/// Ŵ = GPTQ(W, Sx), then the U Vᵀ of rank options.rank nearest to W − Ŵ in the Sx metric; plain GPTQ with rank 0.
/// Throws CholeskyFailure where options.damping is too small. Of each rank its own rows, in matrices of any kind
/// (matrix_kinds.hpp). Preconditions as in solve(), which calls this.
template <class Matrix>
SolveResult solve_svd(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                      const SolveOptions& options);

}  // namespace lrc
