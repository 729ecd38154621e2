#include "lrc/model/forward.hpp"

#include <cassert>

#include "lrc/linalg/gemm.hpp"

namespace lrc {
namespace {

constexpr Index kRowTile = 64;

// out = (x V) Uᵀ + b: the part that acts on the unquantized, unrotated inputs.
MatrixF correction(ThreadPool& pool, const Linear& linear, const ConstViewF& x) {
  MatrixF out = MatrixF::Zero(x.rows(), linear.weight.rows());
  if (linear.bias.size() > 0) out.rowwise() = linear.bias.transpose();
  if (linear.u.cols() == 0) return out;
  MatrixF projected(x.rows(), linear.v.cols());
  gemm(pool, Op::none, Op::none, 1.0F, x, linear.v, 0.0F, projected);
  gemm(pool, Op::none, Op::transpose, 1.0F, projected, linear.u, 1.0F, out);
  return out;
}

}  // namespace

void quantize_rows(ThreadPool& pool, const ActivationQuantizer& quantizer, ViewF x) {
  if (!quantizer.quantizes()) return;
  pool.for_each(ceil_div(x.rows(), kRowTile), [&](Index tile) {
    const Index first = tile * kRowTile;
    quantizer.apply(x.middleRows(first, std::min(kRowTile, x.rows() - first)));
  });
}

std::vector<MatrixF> forward_group(ThreadPool& pool, const LinearGroup& group, ViewF x, const InputObserver& observe) {
  std::vector<MatrixF> outputs;  // one a linear: tokens×d_out
  for (const Linear& linear : group.linears) outputs.push_back(correction(pool, linear, x));
  if (group.rotation) apply_rows(pool, *group.rotation, x);
  if (observe) observe(group, x);
  quantize_rows(pool, group.quantizer, x);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    gemm(pool, Op::none, Op::transpose, 1.0F, x, group.linears[i].weight, 1.0F, outputs[i]);
  }
  return outputs;
}

void forward_block(const ForwardContext& context, const Block& block, ViewF hidden, const InputObserver& observe) {
  ThreadPool& pool = context.pool;
  const ModelConfig& config = context.config;
  assert(hidden.cols() == config.hidden_size && hidden.rows() % context.sequence_length == 0);

  MatrixF x(hidden.rows(), hidden.cols());
  rms_norm(pool, hidden, block.attention_norm, config.rms_norm_eps, x);
  std::vector<MatrixF> qkv = forward_group(pool, block.qkv, x, observe);
  context.rotary.apply(pool, context.sequence_length, qkv[0]);
  context.rotary.apply(pool, context.sequence_length, qkv[1]);
  MatrixF attended(hidden.rows(), config.heads * config.head_dim);
  causal_attention(pool, config, context.sequence_length, qkv[0], qkv[1], qkv[2], attended);
  hidden += forward_group(pool, block.attention_out, attended, observe)[0];

  rms_norm(pool, hidden, block.mlp_norm, config.rms_norm_eps, x);
  std::vector<MatrixF> gate_up = forward_group(pool, block.gate_up, x, observe);
  swiglu(pool, gate_up[0], gate_up[1]);
  hidden += forward_group(pool, block.down, gate_up[0], observe)[0];
}

}  // namespace lrc
