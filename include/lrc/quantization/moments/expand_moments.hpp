// From the sums of calibration to the matrices of a solve.
#pragma once

#include "lrc/linalg/matrix_kinds.hpp"
#include "lrc/linalg/moments.hpp"

namespace lrc {

/// Sxy and Sy of `moments`, whose Sx is there, in matrices of any kind (matrix_kinds.hpp), where only their diagonals
/// were summed. The other entries follow from the regression of every quantized channel on its input, y_j = c_j x_j +
/// noise of power n_j: Sxy = Sx diag(c), Sy = diag(c) Sx diag(c) + diag(n) (docs/method.md, "One matrix instead of
/// three"). With residual activations Y = Q_a(P X), P = I − E Eᵀ, `directions` = E (d_in×k, k may be 0) as stored, so
/// that P need not be a projector, c and n are measured between P X and Y: Sxy = Sx Pᵀ diag(c), Sy = diag(c) P Sx Pᵀ
/// diag(c) + diag(n). `xy` (d_in) is Σ (P x)_j y_j, `yy` (d_in) Σ y_j². 6 d_in² k operations.
template <class Matrix>
void expand_diagonals(Execution& exec, MomentsOf<Matrix>& moments, const VectorD& xy, const VectorD& yy,
                      const Matrix& directions);

/// All three matrices in double, expanded where only diagonals were summed, else as they are. No directions: d_in×0, or
/// 0×0.
Moments expand_moments(Execution& exec, const SummedMoments& sums, const MatrixF& directions = {});

/// Bytes that expanding takes beside the three matrices: what it makes of k directions.
double expand_directions_bytes(Index d_in, Index k);

}  // namespace lrc
