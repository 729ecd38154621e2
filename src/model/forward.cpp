#include "lrc/model/forward.hpp"

#include <cassert>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/preparation.hpp"
#include "lrc/model/rows.hpp"

namespace lrc {
namespace {

MatrixF projected(Execution& exec, const ConstViewF& x, const MatrixF& v) {
  MatrixF inside(x.rows(), v.cols());  // tokens×k: x V
  gemm(exec, Op::none, Op::none, 1.0F, x, v, 0.0F, inside);
  return inside;
}

// out = (x V) Uᵀ + b: the part that acts on the unquantized, unrotated inputs.
MatrixF correction(Execution& exec, const Linear& linear, const ConstViewF& x) {
  MatrixF out = MatrixF::Zero(x.rows(), linear.weight.rows());
  if (linear.bias.size() > 0) out.rowwise() = linear.bias.transpose();
  if (linear.u.cols() == 0) return out;
  gemm(exec, Op::none, Op::transpose, 1.0F, projected(exec, x, linear.v), linear.u, 1.0F, out);
  return out;
}

// outputs += (x V) Uᵀ, and, where the branch is residual, x −= (x V) Vᵀ.
void add_branch(Execution& exec, const Branch& branch, bool residual, ViewF x, std::vector<MatrixF>& outputs) {
  const MatrixF inside = residual ? take_directions(exec, branch.v, x) : projected(exec, x, branch.v);  // tokens×k
  for (std::size_t i = 0; i < branch.u.size(); ++i)
    gemm(exec, Op::none, Op::transpose, 1.0F, inside, branch.u[i], 1.0F, outputs[branch.first + i]);
}

// The parts of a group's outputs, whether each has a linear of its own or they share one.
std::vector<ViewF> split(std::vector<MatrixF>& outputs, const std::vector<Index>& widths) {
  std::vector<ViewF> parts;
  std::size_t output = 0;
  Index column = 0;
  for (const Index width : widths) {
    assert(column + width <= outputs[output].cols());
    parts.emplace_back(outputs[output].middleCols(column, width));
    column += width;
    if (column < outputs[output].cols()) continue;
    ++output;
    column = 0;
  }
  return parts;
}

// Gathers an expert's tokens into one batch, and adds what comes of it to theirs. Experts are added in their order, so
// that the sums don't depend on anything else.
void forward_expert(Execution& exec, const Mlp& expert, const ExpertTokens& tokens, const MatrixF& x, ViewF hidden,
                    const InputObserver& observe) {
  if (tokens.rows.empty()) return;
  MatrixF batch = gathered(exec, tokens, x);
  add_scattered(exec, tokens, forward_mlp(exec, expert, batch, observe), hidden);
}

}  // namespace

void quantize_rows(Execution& exec, const ActivationQuantizer& quantizer, ViewF x) {
  if (!quantizer.quantizes()) return;
  exec.for_each(ceil_div(x.rows(), kRowTile), [&](Index tile) {
    const Index first = tile * kRowTile;
    quantizer.apply(x.middleRows(first, std::min(kRowTile, x.rows() - first)));
  });
}

std::vector<MatrixF> forward_group(Execution& exec, const LinearGroup& group, ViewF x, const InputObserver& observe) {
  std::vector<MatrixF> outputs;  // one a linear: tokens×d_out
  for (const Linear& linear : group.linears) outputs.push_back(correction(exec, linear, x));
  if (group.rotation) apply_rows(exec, *group.rotation, x);
  if (observe) observe(group, x);
  take_mean(exec, group.mean, x);
  for (const Branch& branch : group.branches) add_branch(exec, branch, group.residual, x, outputs);
  quantize_rows(exec, group.quantizer, x);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    gemm(exec, Op::none, Op::transpose, 1.0F, x, group.linears[i].weight, 1.0F, outputs[i]);
  }
  return outputs;
}

MatrixF gathered(Execution& exec, const ExpertTokens& tokens, const ConstViewF& x) {
  MatrixF batch(static_cast<Index>(tokens.rows.size()), x.cols());
  for_each_row(exec, batch.rows(), [&](Index i) { batch.row(i) = x.row(tokens.rows[static_cast<std::size_t>(i)]); });
  return batch;
}

void add_scattered(Execution& exec, const ExpertTokens& tokens, const MatrixF& outputs, ViewF hidden) {
  for_each_row(exec, outputs.rows(), [&](Index i) {
    const auto at = static_cast<std::size_t>(i);
    hidden.row(tokens.rows[at]) += tokens.weights[at] * outputs.row(i);
  });
}

MatrixF forward_mlp(Execution& exec, const Mlp& mlp, ViewF x, const InputObserver& observe) {
  std::vector<MatrixF> outputs = forward_group(exec, mlp.gate_up, x, observe);
  return std::move(forward_group(exec, mlp.down, gated(exec, outputs), observe)[0]);
}

ViewF gated(Execution& exec, std::vector<MatrixF>& gate_up) {
  Index width = 0;
  for (const MatrixF& part : gate_up) width += part.cols();
  const std::vector<ViewF> parts = split(gate_up, {width / 2, width / 2});
  swiglu(exec, parts[0], parts[1]);
  return parts[0];
}

MatrixF attention_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden) {
  MatrixF x(hidden.rows(), hidden.cols());
  rms_norm(context.exec, hidden, block.attention_norm, context.config.rms_norm_eps, x);
  return x;
}

MatrixF attended(const ForwardContext& context, const Block& block, std::vector<MatrixF>& qkv) {
  Execution& exec = context.exec;
  const ModelConfig& config = context.config;
  const std::vector<ViewF> parts = split(qkv, {config.query_size(), config.key_size(), config.key_size()});
  if (block.q_norm.size() > 0) rms_norm_heads(exec, block.q_norm, config.rms_norm_eps, parts[0]);
  if (block.k_norm.size() > 0) rms_norm_heads(exec, block.k_norm, config.rms_norm_eps, parts[1]);
  context.rotary.apply(exec, context.sequence_length, parts[0]);
  context.rotary.apply(exec, context.sequence_length, parts[1]);
  MatrixF result(parts[0].rows(), config.query_size());
  causal_attention(exec, config, context.sequence_length, block.window, parts[0], parts[1], parts[2], result);
  return result;
}

void forward_attention(const ForwardContext& context, const Block& block, ViewF hidden, const InputObserver& observe) {
  assert(hidden.cols() == context.config.hidden_size && hidden.rows() % context.sequence_length == 0);
  MatrixF x = attention_inputs(context, block, hidden);
  std::vector<MatrixF> qkv = forward_group(context.exec, block.qkv, x, observe);
  MatrixF inputs = attended(context, block, qkv);
  hidden += forward_group(context.exec, block.attention_out, inputs, observe)[0];
}

MatrixF mlp_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden) {
  MatrixF x(hidden.rows(), hidden.cols());
  rms_norm(context.exec, hidden, block.mlp_norm, context.config.rms_norm_eps, x);
  return x;
}

void forward_mlps(const ForwardContext& context, const Block& block, ViewF hidden, const InputObserver& observe) {
  MatrixF x = mlp_inputs(context, block, hidden);
  if (block.router.rows() == 0) {
    hidden += forward_mlp(context.exec, block.mlps.front(), x, observe);
    return;
  }
  const std::vector<ExpertTokens> tokens = route(context.exec, block.router, block.experts_per_token, x);
  for (std::size_t expert = 0; expert < tokens.size(); ++expert)
    forward_expert(context.exec, block.mlps[expert], tokens[expert], x, hidden, observe);
}

void forward_block(const ForwardContext& context, const Block& block, ViewF hidden, const InputObserver& observe) {
  forward_attention(context, block, hidden, observe);
  forward_mlps(context, block, hidden, observe);
}

}  // namespace lrc
