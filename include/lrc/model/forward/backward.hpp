// The backward pass of a block over a batch of whole sequences: its stages from the last to the first, each beside its
// forward (group_backward, between_groups, layers, rotary, router).
#pragma once

#include <functional>

#include "lrc/model/forward/group_backward.hpp"
#include "lrc/model/forward/tape.hpp"

namespace lrc {

/// Sees the gradients of one group, of whose linears it keeps what it wants.
using GradientObserver = std::function<void(const LinearGroup& group, GroupGradient gradient)>;

/// The gradients of what the block consists of and, where wanted.inputs, of its hidden states (tokens×hidden_size; else
/// empty), from `gradient`, that of the hidden states it gave. `tape` is that of the forward pass with the same context
/// and block. Each group is observed once: down and gate_up, expert after expert, without those that saw no token
/// (whose gradients are 0); then attention_out, qkv. Norms and router are not learned: gradients pass through them.
MatrixF backward_block(const ForwardContext& context, const Block& block, BlockTape tape, MatrixF gradient,
                       const Wanted& wanted, const GradientObserver& observe = {});

/// What backward_block holds at most, for a batch of `tokens`, beside the tape, `gradient` and the gradients that it
/// shows, which are as large as what they are of, one group at a time. Where groups prepare or quantize their inputs,
/// up to three copies of one group's inputs more.
double backward_bytes(const ModelConfig& config, Index tokens);

}  // namespace lrc
