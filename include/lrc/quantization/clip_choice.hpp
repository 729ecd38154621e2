// The clip ratio of a group's activation quantizer, chosen before anything is solved.
#pragma once

#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// What was summed for a candidate, for every channel j of what is quantized, x (P x for residual activations, x − μ
/// for centred ones).
struct ClipCandidate {
  VectorD xy;  ///< d_in: Σ x_j y_j
  VectorD yy;  ///< d_in: Σ y_j²
};

/// Σ_j ‖W_j‖² (Σ x_j² − (Σ x_j y_j)² / Σ y_j²): what the outputs lose where every channel is told from its own
/// quantized value as well as it can be. In the terms of docs/method.md the bracket is 1/(1/Σ x_j² + c_j²/n_j), so
/// n_j/c_j² where the noise is weak, and never above Σ x_j²: a channel of little energy that is all noise costs what it
/// holds and no more. `column_powers` = ‖W_j‖² (d_in) of the weight or stack, `xx` = Σ x_j² (d_in). d_in operations;
/// correlations between channels, which the solve makes use of, are left out.
double clip_cost(const VectorD& column_powers, const VectorD& xx, const ClipCandidate& candidate);

/// The candidate of least cost, the first of equals, for `weight` (d_out×d_in). Precondition: at least one candidate.
Index choose_clip(const MatrixD& weight, const VectorD& xx, const std::vector<ClipCandidate>& candidates);

/// diag(P Sx Pᵀ), P = I − E Eᵀ, which is Σ (P x)_j², for `directions` = E (d_in×k) as stored and Sx = `xx` (d_in×d_in):
/// 2 d_in² k operations. Nothing is below zero.
VectorD residual_powers(Execution& exec, const MatrixD& xx, const MatrixF& directions);

}  // namespace lrc
