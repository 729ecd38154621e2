// What a solve needs to know of the branch's input B = Vᵀ X (k×tokens) where V is given and U is free. `Matrix` is of
// any kind (matrix_kinds.hpp).
#pragma once

#include "lrc/linalg/matrix_kinds.hpp"

namespace lrc {

template <class Matrix>
struct BranchMomentsOf {
  Matrix xb;    ///< d_in×k: X Bᵀ = Sx V
  Matrix yb;    ///< d_in×k: Y Bᵀ = Sxyᵀ V
  Matrix bb;    ///< k×k: B Bᵀ = Vᵀ Sx V
  Matrix root;  ///< k×k, upper: R of B Bᵀ with its diagonal raised, = R Rᵀ
};
using BranchMoments = BranchMomentsOf<MatrixD>;

/// From the undamped `xx` and `xy` (d_in×d_in: Sx, Sxy) and `v` (d_in×k), 4 d_in² k operations. For the root
/// damping/100 · the mean diagonal of Sx · ‖v_j‖² is added to the diagonal: that is above the rounding of sums to fp32
/// and decides where the data has no say (fewer tokens than columns, columns that depend on each other). A zero column
/// gets 1 and does no harm. Throws CholeskyFailure.
template <class Matrix>
BranchMomentsOf<Matrix> branch_moments(Execution& exec, const Matrix& xx, const Matrix& xy, const Matrix& v,
                                       double damping);

/// U (d_out×k) with Ŵ = `quantized` (d_out×d_in) and V given: (W Sx V − Ŵ Sxyᵀ V)(Vᵀ Sx V)⁻¹, the least of ‖W X − Ŵ Y −
/// U B‖² (docs/method.md, "Residual activations" and the refit). `start` is any U (d_out×k): the loss is never above
/// that of `start`, and what only the raised diagonal determines stays as it is there. 4 d_out d_in k + 4 d_out k²
/// operations.
template <class Matrix>
Matrix fitted_left_factor(Execution& exec, const Matrix& weight, const Matrix& quantized,
                          const BranchMomentsOf<Matrix>& branch, const Matrix& start);

}  // namespace lrc
