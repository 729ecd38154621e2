// The forward pass of one block in four stages, between which the groups that come next may be exchanged: qkv,
// attention_out, then gate_up and down of the MLP or of all experts. The stages in a row are forward_block().
#pragma once

#include <array>
#include <vector>

#include "lrc/model/forward.hpp"

namespace lrc {

inline constexpr std::array kStages{GroupRole::qkv, GroupRole::attention_out, GroupRole::gate_up, GroupRole::down};

/// The groups of a stage: one, or one an expert.
std::vector<LinearGroup*> stage_groups(Block& block, GroupRole stage);
std::vector<const LinearGroup*> stage_groups(const Block& block, GroupRole stage);

/// A batch of whole sequences on its way through a block.
struct StagedBatch {
  MatrixF& hidden;                     ///< tokens×hidden_size: enters the block, and leaves it after the last stage
  std::vector<ExpertTokens> routed{};  ///< from gate_up on; none in a dense block
  std::vector<MatrixF> inputs{};       ///< of the stage's groups, as they come: tokens×d_in each
};

/// The inputs of qkv.
void begin_block(const ForwardContext& context, const Block& block, StagedBatch& batch);

/// The groups of `stage`, which batch.inputs are for, and what lies between them and the next stage, whose inputs are
/// in the batch then; after down, the outputs of the block are in its hidden states.
void pass_stage(const ForwardContext& context, const Block& block, GroupRole stage, StagedBatch& batch);

/// What gate_up or down (`stage`) of an expert would read for any tokens of which `x` (tokens×hidden_size) is what the
/// block's MLP reads.
MatrixF expert_inputs(Execution& exec, const Mlp& expert, GroupRole stage, MatrixF x);

/// The group's inputs as it quantizes them (tokens×d_in): after its online rotation.
MatrixF rotated_inputs(Execution& exec, const LinearGroup& group, MatrixF inputs);

}  // namespace lrc
