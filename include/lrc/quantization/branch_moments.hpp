// What a solve needs to know of the branch's input B = Vᵀ X (k×tokens) where V is given and U is free.
#pragma once

#include "lrc/linalg/gemm.hpp"

namespace lrc {

struct BranchMoments {
  MatrixD xb;      ///< d_in×k: X Bᵀ = Sx V
  MatrixD yb;      ///< d_in×k: Y Bᵀ = Sxyᵀ V
  MatrixD bb;      ///< k×k: B Bᵀ = Vᵀ Sx V
  MatrixD factor;  ///< k×k, upper: R of B Bᵀ with its diagonal raised, = R Rᵀ
};

/// From the undamped `xx` and `xy` (d_in×d_in: Sx, Sxy) and `v` (d_in×k), 4 d_in² k operations. For the factor
/// damping/100 · the mean diagonal of Sx · ‖v_j‖² is added to the diagonal: that is above the rounding of sums to fp32
/// and decides where the data has no say (fewer tokens than columns, columns that depend on each other). A zero column
/// gets 1 and does no harm. Throws CholeskyFailure.
BranchMoments branch_moments(Execution& exec, const MatrixD& xx, const MatrixD& xy, const MatrixD& v, double damping);

/// U (d_out×k) with Ŵ and V given: (W Sx V − Ŵ Sxyᵀ V)(Vᵀ Sx V)⁻¹, the least of ‖W X − Ŵ Y − U B‖² (docs/method.md,
/// "Residual activations" and the refit). `start` is any U (d_out×k): the loss is never above that of `start`, and what
/// only the raised diagonal determines stays as it is there. 4 d_out d_in k + 4 d_out k² operations.
MatrixD fitted_left_factor(Execution& exec, const MatrixD& weight, const MatrixF& quantized,
                           const BranchMoments& branch, const MatrixD& start);

}  // namespace lrc
