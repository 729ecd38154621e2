#include "lrc/model/forward/backward.hpp"

#include <algorithm>
#include <cassert>
#include <span>

#include "lrc/linalg/lanes.hpp"
#include "lrc/model/forward/between_groups.hpp"
#include "lrc/model/forward/layers.hpp"
#include "lrc/model/forward/rows.hpp"

namespace lrc {
namespace {

// What all stages of a backward pass share.
struct BackwardPass {
  const ForwardContext& context;
  const Block& block;
  const Wanted& wanted;
  const GradientObserver& observe;
};

// The gradient of a group's inputs, where `inputs_wanted`; those of its linears are shown.
MatrixF through_group(const BackwardPass& pass, const LinearGroup& group, const MatrixF& inputs,
                      std::span<const MatrixF> outputs, bool inputs_wanted = true) {
  Wanted wanted = pass.wanted;
  wanted.inputs = inputs_wanted;
  GroupGradient gradient = backward_group(pass.context.exec, group, inputs, outputs, wanted);
  MatrixF of_inputs = std::move(gradient.inputs);
  if (pass.observe) pass.observe(group, std::move(gradient));
  return of_inputs;
}

// sum += that of the norm's inputs, the hidden states, for `of_normed`, that of what it gave.
void through_norm(const ForwardContext& context, const VectorF& norm, const MatrixF& hidden, MatrixF of_normed,
                  MatrixF& sum) {
  backward_rms_norm(context.exec, hidden, norm, context.config.rms_norm_eps, of_normed);
  for_each_row(context.exec, sum.rows(), [&](Index row) { sum.row(row) += of_normed.row(row); });
}

// The gradient of what an MLP reads, x, from that of what it gives.
MatrixF through_mlp(const BackwardPass& pass, const Mlp& mlp, MlpTape tape, const MatrixF& x, const MatrixF& outputs) {
  Execution& exec = pass.context.exec;
  const MatrixF of_gated = through_group(pass, mlp.down, gated(exec, tape.gate_up), std::span(&outputs, 1));
  return through_group(pass, mlp.gate_up, x, backward_gated(exec, std::move(tape.gate_up), of_gated));
}

// Of one expert, the gradients of its tokens' weights, and x_gradient += that of what it read of x.
std::vector<float> through_expert(const BackwardPass& pass, std::size_t i, const ExpertTokens& tokens, MlpTape tape,
                                  const MatrixF& x, const MatrixF& outputs, MatrixF& x_gradient) {
  Execution& exec = pass.context.exec;
  std::vector<float> of_weights(tokens.rows.size());
  if (tokens.rows.empty()) return of_weights;
  MatrixF of_outputs = gathered(exec, tokens, outputs);
  for_each_row(exec, of_outputs.rows(), [&](Index row) {
    const auto at = static_cast<std::size_t>(row);
    of_weights[at] = lane_dot(of_outputs.row(row).data(), tape.down.row(row).data(), of_outputs.cols());
    of_outputs.row(row) *= tokens.weights[at];
  });
  tape.down.resize(0, 0);
  const MatrixF of_own = through_mlp(pass, pass.block.mlps[i], std::move(tape), gathered(exec, tokens, x), of_outputs);
  for_each_row(exec, of_own.rows(),
               [&](Index row) { x_gradient.row(tokens.rows[static_cast<std::size_t>(row)]) += of_own.row(row); });
  return of_weights;
}

// The gradient of x, what the router and all experts read, from that of the sum of their outputs.
MatrixF through_experts(const BackwardPass& pass, BlockTape& tape, const MatrixF& x, const MatrixF& outputs) {
  MatrixF x_gradient = MatrixF::Zero(x.rows(), x.cols());
  std::vector<std::vector<float>> of_weights;  // an expert's, one a token of it
  for (std::size_t i = 0; i < tape.routed.size(); ++i)
    of_weights.push_back(through_expert(pass, i, tape.routed[i], std::move(tape.mlps[i]), x, outputs, x_gradient));
  backward_route(pass.context.exec, pass.block.router, tape.routed, of_weights, x_gradient);
  return x_gradient;
}

// gradient: that of the hidden states that leave the block becomes that of those between attention and MLP.
void through_mlps(const BackwardPass& pass, BlockTape& tape, MatrixF& gradient) {
  const MatrixF x = mlp_inputs(pass.context, pass.block, tape.middle);
  MatrixF of_x = tape.routed.empty() ? through_mlp(pass, pass.block.mlps[0], std::move(tape.mlps[0]), x, gradient)
                                     : through_experts(pass, tape, x, gradient);
  through_norm(pass.context, pass.block.mlp_norm, tape.middle, std::move(of_x), gradient);
}

// gradient: that of the hidden states between attention and MLP becomes that of those that entered, or of none.
void through_attention(const BackwardPass& pass, BlockTape& tape, MatrixF& gradient) {
  const auto& [context, block, wanted, observe] = pass;
  MatrixF of_attended = through_group(pass, block.attention_out, tape.attended, std::span<const MatrixF>(&gradient, 1));
  tape.attended.resize(0, 0);
  const std::vector<MatrixF> of_qkv = backward_attended(context, block, tape.qkv, of_attended);
  tape.qkv.clear();
  of_attended.resize(0, 0);
  MatrixF of_x = through_group(pass, block.qkv, attention_inputs(context, block, tape.entered), of_qkv, wanted.inputs);
  if (wanted.inputs)
    through_norm(context, block.attention_norm, tape.entered, std::move(of_x), gradient);
  else
    gradient.resize(0, 0);
}

}  // namespace

MatrixF backward_block(const ForwardContext& context, const Block& block, BlockTape tape, MatrixF gradient,
                       const Wanted& wanted, const GradientObserver& observe) {
  assert(gradient.rows() == tape.entered.rows() && gradient.cols() == context.config.hidden_size);
  const BackwardPass pass{context, block, wanted, observe};
  through_mlps(pass, tape, gradient);
  through_attention(pass, tape, gradient);
  return gradient;
}

double backward_bytes(const ModelConfig& config, Index tokens) {
  const Index hidden = config.hidden_size, inner = config.intermediate_size, query = config.query_size(),
              key = config.key_size();
  // x; with experts its gradient, and an expert's share of x and of the outputs' gradient, which may be of all tokens.
  const Index around = (config.experts > 0 ? 4 : 1) * hidden;
  const Index mlp = around + inner + std::max(inner, hidden);
  const Index attention = 5 * query + 4 * key;  // causal attention's inputs, their gradients, those of each head of q
  const Index qkv = 2 * hidden + query + 2 * key;
  return static_cast<double>(sizeof(float)) * static_cast<double>(tokens) *
         static_cast<double>(std::max({mlp, attention, qkv}));
}

}  // namespace lrc
