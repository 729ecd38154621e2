// From the sums of calibration to the matrices of a solve.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/moments.hpp"

namespace lrc {

/// The three matrices in double. Where only the diagonals of Sxy and Sy were summed (one row each), the other entries
/// follow from the regression of every quantized channel on its input, y_j = c_j x_j + noise of power n_j:
/// Sxy = Sx diag(c), Sy = diag(c) Sx diag(c) + diag(n)   (docs/method.md, "One matrix instead of three").
Moments expand_moments(const SummedMoments& sums);

/// The same for residual activations Y = Q_a(P X), P = I − E Eᵀ, `directions` = E (d_in×k) as stored, so that P need
/// not be a projector. One row each is Σ (P x)_j y_j and Σ y_j²; c and n are measured between P X and Y: Sxy = Sx Pᵀ
/// diag(c), Sy = diag(c) P Sx Pᵀ diag(c) + diag(n). 6 d_in² k operations. Three matrices stay as they are.
Moments expand_moments(Execution& exec, const SummedMoments& sums, const MatrixF& directions);

}  // namespace lrc
