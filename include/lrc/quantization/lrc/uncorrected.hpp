// What a correction is worth: an estimate of what GPTQ alone would lose, without solving again. `Matrix` is of
// any kind (matrix_kinds.hpp).
#pragma once

#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/grid/grid.hpp"
#include "lrc/quantization/moments/branch_moments.hpp"

namespace lrc {

/// What rounding adds to each input where the inputs are quantized as they are: n_j = Σ y_j² − c_j² Σ x_j² (d_in).
template <class Matrix>
VectorD noise_powers(const MomentsOf<Matrix>& moments);
/// The same from moments of residual activations y = Q_a(x − E Eᵀ x), E = `directions` (d_in×k): its noise times what
/// all of x has over what is left of it, since channels that share a scale share its noise. `branch` is that of E.
template <class Matrix>
VectorD noise_powers(Execution& exec, const MomentsOf<Matrix>& moments, const Matrix& directions,
                     const BranchMomentsOf<Matrix>& branch);

/// Row by row, of each rank its own, Σ_j w_ij² n_j + s_i²/12 Σ_j R_jj²: the noise of the inputs, and the errors of
/// GPTQ's rounding, which are even within a step s and reach the loss through the pivots of `root` = R (upper,
/// d_in×d_in; that of a smaller matrix than Sx makes it less). `scales`: own rows×groups of the codes. Clamped codes
/// are left out: an estimate from below. `weight`: d_out×d_in; `noise`: d_in.
template <class Matrix>
VectorD uncorrected_losses(const Matrix& weight, const MatrixF& scales, const WeightGrid& grid, const Matrix& root,
                           const VectorD& noise);

}  // namespace lrc
