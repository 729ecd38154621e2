// Residual activations (docs/method.md, "Residual activations"): the span of a few input directions is taken out before
// the activations are quantized, Y = Q_a(X − E Eᵀ X), and goes through the branch U Eᵀ X instead.
#pragma once

#include "lrc/quantization/solve.hpp"

namespace lrc {

/// Ŵ by the deflated quantize step with V = E = *options.directions (d_in×k, as stored), then U = (W Sx E − Ŵ Sxyᵀ E)
/// (Eᵀ Sx E)⁻¹, stored in options.factor_bits; v of the result is E. `moments` were measured with this very E.
/// No eigenproblem and one factorization: cheaper than solve_lrc with one iteration. Throws CholeskyFailure where
/// options.damping is too small. Of each rank its own rows, in matrices of any kind
/// (matrix_kinds.hpp). Preconditions as in solve(), which calls this.
template <class Matrix>
SolveResult solve_residual(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                           const SolveOptions& options);

}  // namespace lrc
