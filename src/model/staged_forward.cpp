#include "lrc/model/staged_forward.hpp"

#include <cassert>

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

// From the hidden states between the block's halves to what gate_up of each expert reads.
void route_to_experts(const ForwardContext& context, const Block& block, StagedBatch& batch) {
  batch.inputs = {mlp_inputs(context, block, batch.hidden)};
  if (block.router.rows() == 0) return;
  const MatrixF x = std::move(batch.inputs[0]);
  batch.inputs.clear();
  batch.routed = route(context.exec, block.router, block.experts_per_token, x);
  for (const ExpertTokens& tokens : batch.routed) batch.inputs.push_back(gathered(context.exec, tokens, x));
}

void leave_block(Execution& exec, const Block& block, StagedBatch& batch) {
  for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
    if (batch.inputs[i].rows() == 0) continue;
    const MatrixF outputs = std::move(forward_group(exec, block.mlps[i].down, batch.inputs[i])[0]);
    if (batch.routed.empty()) {
      batch.hidden += outputs;
    } else {
      add_scattered(exec, batch.routed[i], outputs, batch.hidden);
    }
  }
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

void begin_block(const ForwardContext& context, const Block& block, StagedBatch& batch) {
  batch.routed.clear();
  batch.inputs = {attention_inputs(context, block, batch.hidden)};
}

void pass_stage(const ForwardContext& context, const Block& block, GroupRole stage, StagedBatch& batch) {
  switch (stage) {
    case GroupRole::qkv: {
      std::vector<MatrixF> qkv = forward_group(context.exec, block.qkv, batch.inputs[0]);
      batch.inputs = {attended(context, block, qkv)};
      break;
    }
    case GroupRole::attention_out:
      batch.hidden += forward_group(context.exec, block.attention_out, batch.inputs[0])[0];
      route_to_experts(context, block, batch);
      break;
    case GroupRole::gate_up:
      for (std::size_t i = 0; i < batch.inputs.size(); ++i)
        batch.inputs[i] = expert_inputs(context.exec, block.mlps[i], GroupRole::down, std::move(batch.inputs[i]));
      break;
    case GroupRole::down:
      leave_block(context.exec, block, batch);
      break;
  }
}

MatrixF expert_inputs(Execution& exec, const Mlp& expert, GroupRole stage, MatrixF x) {
  assert(stage == GroupRole::gate_up || stage == GroupRole::down);
  if (stage == GroupRole::gate_up) return x;
  if (x.rows() == 0) return MatrixF(0, expert.down.inputs());
  std::vector<MatrixF> outputs = forward_group(exec, expert.gate_up, x);
  return gated(exec, outputs);
}

MatrixF rotated_inputs(Execution& exec, const LinearGroup& group, MatrixF inputs) {
  if (group.rotation) apply_rows(exec, *group.rotation, inputs);
  return inputs;
}

}  // namespace lrc
