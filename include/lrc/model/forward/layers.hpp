// What stands between the linears of a block, and beside each its gradient. Each row of a matrix is a token; every row
// is computed on its own, in a fixed order, so the results don't depend on the batch or the threads.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/config.hpp"

namespace lrc {

/// out = x / sqrt(mean(x²) + eps) · weight, row by row. x, out: tokens×d; weight: d.
void rms_norm(Execution& exec, const ConstViewF& x, const VectorF& weight, float eps, ViewF out);

/// gradient (tokens×d), that with respect to `out`, becomes that with respect to x.
void backward_rms_norm(Execution& exec, const ConstViewF& x, const VectorF& weight, float eps, ViewF gradient);

/// Both for every head of every row; the norm in place. x, gradient: tokens×(heads·d); weight: d.
void rms_norm_heads(Execution& exec, const VectorF& weight, float eps, ViewF x);
void backward_rms_norm_heads(Execution& exec, const ConstViewF& x, const VectorF& weight, float eps, ViewF gradient);

/// out = silu(gate) · up, element by element; out may be gate. All tokens×d.
void swiglu(Execution& exec, const ConstViewF& gate, const ConstViewF& up, ViewF out);

/// gate and up, as swiglu read them, become their gradients; `gradient` (tokens×d) is that of what it gave.
void backward_swiglu(Execution& exec, const ConstViewF& gradient, ViewF gate, ViewF up);

/// Causal grouped-query attention over whole sequences; a query sees the last `window` keys up to its own, 0 = all.
/// q, out: (sequences·length)×(heads·head_dim); k, v: (sequences·length)×(kv_heads·head_dim).
void causal_attention(Execution& exec, const ModelConfig& config, Index sequence_length, Index window,
                      const ConstViewF& q, const ConstViewF& k, const ConstViewF& v, ViewF out);

/// The gradients of q, k and v, shaped as they are, from that of `out` (`gradient`). Probabilities are computed again,
/// some queries of a head at a time. Each head of q has keys and values of its own meanwhile (2·tokens·heads·head_dim
/// floats); they are added in the order of the heads.
void backward_causal_attention(Execution& exec, const ModelConfig& config, Index sequence_length, Index window,
                               const ConstViewF& q, const ConstViewF& k, const ConstViewF& v,
                               const ConstViewF& gradient, ViewF q_gradient, ViewF k_gradient, ViewF v_gradient);

}  // namespace lrc
