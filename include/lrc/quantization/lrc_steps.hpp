// The closed forms of LRC (method.md, "Objective"), each optimal in its unknowns with the others given. S without a
// factor is an undamped moment matrix; `yy_factor` and `xx_factor` are R of the damped S = R Rᵀ (damped_factor).
#pragma once

#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/low_rank.hpp"

namespace lrc {

/// R (upper triangular) of moments + damping · their mean diagonal · I. Throws CholeskyFailure.
MatrixD damped_factor(ThreadPool& pool, const MatrixD& moments, double damping);

/// R of S = Sx − Sxy Sy⁻¹ Sxyᵀ = R Rᵀ, Sx damped: what the branch has to say while Ŵ may be any matrix (d_in×d_in).
/// Throws CholeskyFailure.
MatrixD relaxed_factor(ThreadPool& pool, const Moments& moments, const MatrixD& yy_factor, double damping);

/// U and V while Ŵ may be any matrix: the best product of rank k for W in the metric S = Sx − Sxy Sy⁻¹ Sxyᵀ, Sx damped.
/// Throws CholeskyFailure. At its peak three d_in×d_in matrices with `yy_factor`.
LowRank initial_correction(ThreadPool& pool, const MatrixD& weight, const Moments& moments, const MatrixD& yy_factor,
                           double damping, Index k);

/// Ŵ with U and V given, before it is rounded: (W − U Vᵀ) Sxy Sy⁻¹ (d_out×d_in).
MatrixD quantize_target(ThreadPool& pool, const MatrixD& weight, const LowRank& correction, const Moments& moments,
                        const MatrixD& yy_factor);

/// U and V with Ŵ given: the best product of rank k for M = W − Ŵ Sxyᵀ Sx⁻¹ in the metric Sx.
LowRank refitted_correction(ThreadPool& pool, const MatrixD& weight, const MatrixF& quantized, const Moments& moments,
                            const MatrixD& xx_factor, Index k);

}  // namespace lrc
