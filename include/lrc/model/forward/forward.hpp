// The forward pass of a block over a batch of whole sequences, in four stages, between which the groups that come next
// may be exchanged: qkv, attention_out, then gate_up and down of the MLP or of all experts.
#pragma once

#include <array>
#include <vector>

#include "lrc/model/block.hpp"
#include "lrc/model/forward/context.hpp"
#include "lrc/model/forward/group_forward.hpp"
#include "lrc/model/forward/router.hpp"

namespace lrc {

inline constexpr std::array kStages{GroupRole::qkv, GroupRole::attention_out, GroupRole::gate_up, GroupRole::down};

/// The groups of a stage: one, or one an expert.
std::vector<LinearGroup*> stage_groups(Block& block, GroupRole stage);
std::vector<const LinearGroup*> stage_groups(const Block& block, GroupRole stage);

/// A batch on its way through a block. What qkv and gate_up read follows from the hidden states alone.
struct StagedBatch {
  MatrixF& hidden;                     ///< (sequences·sequence_length)×hidden_size, sequence after sequence
  std::vector<ExpertTokens> routed{};  ///< between attention_out and down; none in a dense block
  std::vector<MatrixF> inputs{};       ///< of the groups of attention_out or down, as they come: tokens×d_in each
};

/// The groups of `stage`, which comes next, and what lies between them and the stage after it; with down, the batch
/// leaves the block. Each group is observed once, but an expert without tokens is not.
void pass_stage(const ForwardContext& context, const Block& block, GroupRole stage, StagedBatch& batch,
                const Observer& observe = {});

/// Two stages in a row: qkv and attention_out; gate_up and down, expert after expert, of which one is in memory.
void forward_attention(const ForwardContext& context, const Block& block, StagedBatch& batch,
                       const Observer& observe = {});
void forward_mlps(const ForwardContext& context, const Block& block, StagedBatch& batch, const Observer& observe = {});

/// All stages in a row: hidden (as in StagedBatch) ← block(hidden).
void forward_block(const ForwardContext& context, const Block& block, MatrixF& hidden, const Observer& observe = {});

/// Bytes of what is there at once while a batch of `tokens` goes through attention or an MLP; an expert may see them
/// all.
double forward_bytes(const ModelConfig& config, Index tokens);

/// What group `i` of `stage`, which comes next, will read, as it quantizes it: after its online rotation (tokens×d_in).
MatrixF stage_inputs(const ForwardContext& context, const Block& block, GroupRole stage, std::size_t i,
                     const StagedBatch& batch);

/// What qkv reads, as it comes: tokens×hidden_size.
MatrixF attention_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden);

/// What the MLP or the router and the experts read: tokens×hidden_size.
MatrixF mlp_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden);

/// An expert's rows of x (tokens×d) as one batch.
MatrixF gathered(Execution& exec, const ExpertTokens& tokens, const ConstViewF& x);

/// What gate_up or down (`stage`) of an MLP would read (rotated, tokens×d_in) for any tokens of which `x`
/// (tokens×hidden_size) is what the block's MLPs read.
MatrixF expert_inputs(Execution& exec, const Mlp& mlp, GroupRole stage, MatrixF x);

}  // namespace lrc
