// What stands between the linears of a block. Each row of a matrix is a token; every row is computed on its own, in a
// fixed order, so the results don't depend on the batch or the threads.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/config.hpp"

namespace lrc {

/// out = x / sqrt(mean(x²) + eps) · weight, row by row. x, out: tokens×d; weight: d.
void rms_norm(Execution& exec, const ConstViewF& x, const VectorF& weight, float eps, ViewF out);

/// The same in place for every head of every row. x: tokens×(heads·d); weight: d.
void rms_norm_heads(Execution& exec, const VectorF& weight, float eps, ViewF x);

/// gate = silu(gate) · up, element by element. Both tokens×d.
void swiglu(Execution& exec, ViewF gate, const ConstViewF& up);

/// Causal grouped-query attention over whole sequences; a query sees the last `window` keys up to its own, 0 = all.
/// q, out: (sequences·length)×(heads·head_dim); k, v: (sequences·length)×(kv_heads·head_dim).
void causal_attention(Execution& exec, const ModelConfig& config, Index sequence_length, Index window,
                      const ConstViewF& q, const ConstViewF& k, const ConstViewF& v, ViewF out);

}  // namespace lrc
