// What stands between the linears of a block. Each row of a matrix is a token; every row is computed on its own, in a
// fixed order, so the results don't depend on the batch or the threads.
#pragma once

#include "lrc/core/parallel.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/config.hpp"

namespace lrc {

/// out = x / sqrt(mean(x²) + eps) · weight, row by row. x, out: tokens×d; weight: d.
void rms_norm(ThreadPool& pool, const ConstViewF& x, const VectorF& weight, float eps, ViewF out);

/// gate = silu(gate) · up, element by element. Both tokens×d.
void swiglu(ThreadPool& pool, ViewF gate, const ConstViewF& up);

/// Rotary position embedding of the Llama family: the first half of a head is rotated against its second half.
class RotaryEmbedding {
 public:
  /// Tables for positions 0 … positions − 1.
  RotaryEmbedding(const ModelConfig& config, Index positions);

  /// Rotates every head of every row; row r is at position r modulo `sequence_length` ≤ positions.
  /// x: tokens×(heads·head_dim).
  void apply(ThreadPool& pool, Index sequence_length, ViewF x) const;

 private:
  MatrixF cosine_, sine_;  // positions×head_dim/2
};

/// Causal grouped-query attention over whole sequences.
/// q, out: (sequences·length)×(heads·head_dim); k, v: (sequences·length)×(kv_heads·head_dim).
void causal_attention(ThreadPool& pool, const ModelConfig& config, Index sequence_length, const ConstViewF& q,
                      const ConstViewF& k, const ConstViewF& v, ViewF out);

}  // namespace lrc
