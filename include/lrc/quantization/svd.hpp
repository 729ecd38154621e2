// The baselines that only look at X: GPTQ, and GPTQ with its error's best low-rank approximation (LQER-like).
#pragma once

#include "lrc/quantization/solve.hpp"

namespace lrc {

/// Ŵ = GPTQ(W, Sx), then the U Vᵀ of rank options.rank nearest to W − Ŵ in the Sx metric; plain GPTQ with rank 0.
/// Throws CholeskyFailure where options.damping is too small. Preconditions as in solve(), which calls this.
SolveResult solve_svd(Execution& exec, const MatrixD& weight, const Moments& moments, const SolveOptions& options);

}  // namespace lrc
