// What is done to a group's inputs before they are quantized: their mean is taken off, and, for residual activations,
// their part in the span of a few directions, which goes through the correction instead (docs/method.md,
// "Residual activations").
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

struct Preparation {
  VectorF mean;        ///< μ: d_in, or empty
  MatrixF directions;  ///< E as it is stored: d_in×k, or without columns
};

/// x (tokens×d_in) ← x − μ; as it is where μ is empty.
void take_mean(Execution& exec, const VectorF& mean, ViewF x);

/// x (tokens×d_in) ← x − (x E) Eᵀ; returns x E (tokens×k).
MatrixF take_directions(Execution& exec, const MatrixF& directions, ViewF x);

}  // namespace lrc
