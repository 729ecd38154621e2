#include "lrc/model/forward/forward.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/model/forward/between_groups.hpp"
#include "lrc/model/forward/layers.hpp"
#include "lrc/model/forward/rows.hpp"

namespace lrc {
namespace {

template <class AnyBlock, class Group>
std::vector<Group*> groups_of(AnyBlock& block, GroupRole stage) {
  if (stage == GroupRole::qkv) return {&block.qkv};
  if (stage == GroupRole::attention_out) return {&block.attention_out};
  std::vector<Group*> groups;
  for (auto& mlp : block.mlps) groups.push_back(stage == GroupRole::gate_up ? &mlp.gate_up : &mlp.down);
  return groups;
}

MatrixF normed(const ForwardContext& context, const VectorF& norm, const ConstViewF& hidden) {
  MatrixF x(hidden.rows(), hidden.cols());
  rms_norm(context.exec, hidden, norm, context.config.rms_norm_eps, x);
  return x;
}

MatrixF rotated(Execution& exec, const LinearGroup& group, MatrixF inputs) {
  if (group.rotation) apply_rows(exec, *group.rotation, inputs);
  return inputs;
}

// What MLP `i` reads of x (tokens×hidden_size), what all read; of one alone it is moved.
MatrixF share_of(Execution& exec, const StagedBatch& batch, std::size_t i, MatrixF& x) {
  return batch.routed.empty() ? std::move(x) : gathered(exec, batch.routed[i], x);
}

// gate_up of the MLP after those whose inputs of down are there.
void pass_gate_up(Execution& exec, const Block& block, MatrixF& x, StagedBatch& batch, const Observer& observe) {
  const std::size_t i = batch.inputs.size();
  MatrixF own = share_of(exec, batch, i, x);
  batch.inputs.push_back(own.rows() > 0 ? gated(exec, forward_group(exec, block.mlps[i].gate_up, own, observe))
                                        : MatrixF());
}

// down of MLP `i`. Experts are added in their order, so that the sums don't depend on anything else.
void pass_down(Execution& exec, const Block& block, std::size_t i, StagedBatch& batch, const Observer& observe) {
  MatrixF x = std::move(batch.inputs[i]);
  if (x.rows() == 0) return;
  const MatrixF outputs = std::move(forward_group(exec, block.mlps[i].down, x, observe)[0]);
  if (batch.routed.empty()) {
    batch.hidden += outputs;
    return;
  }
  const ExpertTokens& tokens = batch.routed[i];
  for_each_row(exec, outputs.rows(), [&](Index row) {
    const auto at = static_cast<std::size_t>(row);
    batch.hidden.row(tokens.rows[at]) += tokens.weights[at] * outputs.row(row);
  });
}

void leave_block(StagedBatch& batch) {
  batch.inputs.clear();
  batch.routed.clear();
}

}  // namespace

std::vector<LinearGroup*> stage_groups(Block& block, GroupRole stage) {
  return groups_of<Block, LinearGroup>(block, stage);
}
std::vector<const LinearGroup*> stage_groups(const Block& block, GroupRole stage) {
  return groups_of<const Block, const LinearGroup>(block, stage);
}

void pass_stage(const ForwardContext& context, const Block& block, GroupRole stage, StagedBatch& batch,
                const Observer& observe) {
  Execution& exec = context.exec;
  assert(batch.hidden.cols() == context.config.hidden_size && batch.hidden.rows() % context.sequence_length == 0);
  switch (stage) {
    case GroupRole::qkv: {
      MatrixF x = attention_inputs(context, block, batch.hidden);
      batch.inputs.push_back(attended(context, block, forward_group(exec, block.qkv, x, observe)));
      break;
    }
    case GroupRole::attention_out:
      batch.hidden += forward_group(exec, block.attention_out, batch.inputs[0], observe)[0];
      batch.inputs.clear();
      if (block.router.rows() > 0)
        batch.routed = route(exec, block.router, block.experts_per_token, mlp_inputs(context, block, batch.hidden));
      break;
    case GroupRole::gate_up: {
      MatrixF x = mlp_inputs(context, block, batch.hidden);
      for (std::size_t i = 0; i < block.mlps.size(); ++i) pass_gate_up(exec, block, x, batch, observe);
      break;
    }
    case GroupRole::down:
      for (std::size_t i = 0; i < block.mlps.size(); ++i) pass_down(exec, block, i, batch, observe);
      leave_block(batch);
      break;
  }
}

void forward_attention(const ForwardContext& context, const Block& block, StagedBatch& batch, const Observer& observe) {
  pass_stage(context, block, GroupRole::qkv, batch, observe);
  pass_stage(context, block, GroupRole::attention_out, batch, observe);
}

void forward_mlps(const ForwardContext& context, const Block& block, StagedBatch& batch, const Observer& observe) {
  MatrixF x = mlp_inputs(context, block, batch.hidden);
  for (std::size_t i = 0; i < block.mlps.size(); ++i) {
    pass_gate_up(context.exec, block, x, batch, observe);
    pass_down(context.exec, block, i, batch, observe);
  }
  leave_block(batch);
}

void forward_block(const ForwardContext& context, const Block& block, MatrixF& hidden, const Observer& observe) {
  StagedBatch batch{hidden};
  forward_attention(context, block, batch, observe);
  forward_mlps(context, block, batch, observe);
}

MatrixF stage_inputs(const ForwardContext& context, const Block& block, GroupRole stage, std::size_t i,
                     const StagedBatch& batch) {
  const LinearGroup& group = *stage_groups(block, stage)[i];
  if (stage == GroupRole::qkv) return rotated(context.exec, group, attention_inputs(context, block, batch.hidden));
  if (stage != GroupRole::gate_up) return rotated(context.exec, group, batch.inputs[i]);
  MatrixF x = mlp_inputs(context, block, batch.hidden);
  return rotated(context.exec, group, share_of(context.exec, batch, i, x));
}

MatrixF attention_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden) {
  return normed(context, block.attention_norm, hidden);
}

MatrixF mlp_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden) {
  return normed(context, block.mlp_norm, hidden);
}

MatrixF gathered(Execution& exec, const ExpertTokens& tokens, const ConstViewF& x) {
  MatrixF batch(static_cast<Index>(tokens.rows.size()), x.cols());
  for_each_row(exec, batch.rows(), [&](Index i) { batch.row(i) = x.row(tokens.rows[static_cast<std::size_t>(i)]); });
  return batch;
}

MatrixF expert_inputs(Execution& exec, const Mlp& mlp, GroupRole stage, MatrixF x) {
  assert(stage == GroupRole::gate_up || stage == GroupRole::down);
  if (stage == GroupRole::gate_up) return rotated(exec, mlp.gate_up, std::move(x));
  if (x.rows() == 0) return MatrixF(0, mlp.down.inputs());
  return rotated(exec, mlp.down, gated(exec, forward_group(exec, mlp.gate_up, x)));
}

double forward_bytes(const ModelConfig& config, Index tokens) {
  const Index hidden = config.hidden_size, inner = config.intermediate_size;
  const Index attention = 2 * hidden + 3 * config.query_size() + 2 * config.key_size();
  const Index channels = std::max(attention, (config.experts > 0 ? 3 : 2) * hidden + 3 * inner);
  return sizeof(float) * static_cast<double>(tokens) * static_cast<double>(channels);
}

}  // namespace lrc
