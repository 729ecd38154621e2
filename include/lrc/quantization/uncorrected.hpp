// What a correction is worth: an estimate of what GPTQ alone would lose, without solving again.
#pragma once

#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/branch_moments.hpp"
#include "lrc/quantization/grid.hpp"

namespace lrc {

/// What rounding adds to each input where the inputs are quantized as they are: n_j = Σ y_j² − c_j² Σ x_j² (d_in).
VectorD noise_powers(const Moments& moments);
/// The same from moments of residual activations y = Q_a(x − E Eᵀ x), E = `directions` (d_in×k): its noise times what
/// all of x has over what is left of it, since channels that share a scale share its noise. `branch` is that of E.
VectorD noise_powers(const Moments& moments, const MatrixD& directions, const BranchMoments& branch);

/// Row by row (d_out) Σ_j w_ij² n_j + s_i²/12 Σ_j R_jj²: the noise of the inputs, and the errors of GPTQ's rounding,
/// which are even within a step s and reach the loss through the pivots of `factor` = R (upper, d_in×d_in; that of a
/// smaller matrix than Sx makes it less). `scales`: d_out×groups of the codes. Clamped codes are left out: an estimate
/// from below. `weight`: d_out×d_in; `noise`: d_in.
VectorD uncorrected_losses(const MatrixD& weight, const MatrixF& scales, const WeightGrid& grid, const MatrixD& factor,
                           const VectorD& noise);

}  // namespace lrc
