// Adam (Kingma, Ba, arXiv 1412.6980), as PyTorch does it with its defaults, and its learning rate's way to 0.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// What Adam remembers of a matrix that it moves: both of its shape, zeros before the first step.
struct AdamMoments {
  MatrixF first, second;  ///< running means of the gradient and of its square

  /// Zeros for a matrix of the shape of `parameter`.
  static AdamMoments zeros(const MatrixF& parameter);
};

/// Moves `parameter` by the step of number `step` = 1, 2, ...: m ← β1 m + (1 − β1) g, v ← β2 v + (1 − β2) g²,
/// p ← p − rate/(1 − β1^step) · m / (√v / √(1 − β2^step) + 10^-8), β1 = 0.9, β2 = 0.999, in PyTorch's order of
/// operations. Elements are independent: where they lie does not matter.
/// Preconditions: equal shapes, step ≥ 1.
void adam_step(Execution& exec, Index step, double rate, const MatrixF& gradient, AdamMoments& moments,
               MatrixF& parameter);

/// The rate of step `step` = 1 .. steps on half a cosine from `first` towards 0, which a step after the last would have
/// (CosineAnnealingLR).
double cosine_rate(double first, Index step, Index steps);

}  // namespace lrc
