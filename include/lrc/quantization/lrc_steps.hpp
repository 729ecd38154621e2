// The closed forms of LRC (docs/method.md, "Objective"), each optimal in its unknowns with the others given.
//
// Damping adds one λ to the diagonals of all three, Sx, Sxy and Sy, as if each channel had been seen once more, alone
// and not quantized. With λ in Sy only, as ridge regression has it, Ŵ is drawn to 0 where the tokens say little, and
// the branch has to make good what the damping did; with λ in Sxy, too, Ŵ is drawn to W − U Vᵀ.
//
// `moments` are undamped; `yy_factor` and `xx_factor` are R of Sy + λ I and Sx + λ I = R Rᵀ (raised_factor).
#pragma once

#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/low_rank.hpp"

namespace lrc {

/// R (upper triangular) of moments + damping · their mean diagonal · I. Throws CholeskyFailure.
MatrixD damped_factor(Execution& exec, const MatrixD& moments, double damping);

/// R of moments + λ I. Throws CholeskyFailure.
MatrixD raised_factor(Execution& exec, const MatrixD& moments, double lambda);

/// R of S = Sx − Sxy Sy⁻¹ Sxyᵀ = R Rᵀ, damped: what the branch has to say while Ŵ may be any matrix (d_in×d_in). Where
/// nothing was seen that is nothing, so Sx gets another λ/100. Throws CholeskyFailure.
MatrixD relaxed_factor(Execution& exec, const Moments& moments, const MatrixD& yy_factor, double lambda);

/// U and V while Ŵ may be any matrix: the best product of rank k for W in the metric S of relaxed_factor.
/// Throws CholeskyFailure. At its peak three d_in×d_in matrices with `yy_factor`.
LowRank initial_correction(Execution& exec, const MatrixD& weight, const Moments& moments, const MatrixD& yy_factor,
                           double lambda, Index k);

/// Ŵ with U and V given, before it is rounded: (W − U Vᵀ) Sxy Sy⁻¹ (d_out×d_in), damped.
MatrixD quantize_target(Execution& exec, const MatrixD& weight, const LowRank& correction, const Moments& moments,
                        const MatrixD& yy_factor, double lambda);

/// U and V with Ŵ given: the best product of rank k for M = W − Ŵ Sxyᵀ Sx⁻¹ in the metric Sx, damped.
LowRank refitted_correction(Execution& exec, const MatrixD& weight, const MatrixF& quantized, const Moments& moments,
                            const MatrixD& xx_factor, double lambda, Index k);

}  // namespace lrc
