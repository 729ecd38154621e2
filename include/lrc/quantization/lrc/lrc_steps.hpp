// The closed forms of LRC (docs/method.md, "Objective"), each optimal in its unknowns with the others given.
//
// Damping adds one λ to the diagonals of all three, Sx, Sxy and Sy, as if each channel had been seen once more, alone
// and not quantized. With λ in Sy only, as ridge regression has it, Ŵ is drawn to 0 where the tokens say little, and
// the branch has to make good what the damping did; with λ in Sxy, too, Ŵ is drawn to W − U Vᵀ.
//
// `moments` are undamped; `yy_root` and `xx_root` are R of Sy + λ I and Sx + λ I = R Rᵀ (raised_root). `Matrix` is of
// any kind (matrix_kinds.hpp).
#pragma once

#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/low_rank/low_rank.hpp"

namespace lrc {

/// U and V while Ŵ may be any matrix: the best product of rank k for W in the metric S = Sx − Sxy Sy⁻¹ Sxyᵀ, damped.
/// Throws CholeskyFailure. At its peak three d_in×d_in matrices with `yy_root`.
template <class Matrix>
LowRankOf<Matrix> initial_correction(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                                     const Matrix& yy_root, double lambda, Index k);

/// Ŵ with U and V given, before it is rounded: (W − U Vᵀ) Sxy Sy⁻¹ (d_out×d_in), damped.
template <class Matrix>
Matrix quantize_target(Execution& exec, const Matrix& weight, const LowRankOf<Matrix>& correction,
                       const MomentsOf<Matrix>& moments, const Matrix& yy_root, double lambda);

/// U and V with Ŵ = `quantized` (d_out×d_in) given: the best product of rank k for M = W − Ŵ Sxyᵀ Sx⁻¹ in the metric
/// Sx, damped.
template <class Matrix>
LowRankOf<Matrix> refitted_correction(Execution& exec, const Matrix& weight, const Matrix& quantized,
                                      const MomentsOf<Matrix>& moments, const Matrix& xx_root, double lambda, Index k);

}  // namespace lrc
