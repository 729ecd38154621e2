// Rotary position embedding of the Llama family: the first half of a head is rotated against its second half.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/config.hpp"

namespace lrc {

class RotaryEmbedding {
 public:
  /// Tables for sequences of `positions` tokens (longrope has other frequencies for long sequences).
  RotaryEmbedding(const ModelConfig& config, Index positions);

  /// Rotates every head of every row; row r is at position r modulo `sequence_length` ≤ positions.
  /// x: tokens×(heads·head_dim).
  void apply(Execution& exec, Index sequence_length, ViewF x) const;

  /// The gradient of x from that of what apply made of it, in place: the transposed rotations.
  void backward(Execution& exec, Index sequence_length, ViewF gradient) const;

 private:
  template <class Turn>
  void for_each_pair(Execution& exec, Index sequence_length, ViewF x, const Turn& turn) const;

  MatrixF cosine_, sine_;  // positions×head_dim/2
};

}  // namespace lrc
