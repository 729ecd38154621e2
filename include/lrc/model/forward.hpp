// The forward pass of one block over a batch of whole sequences.
#pragma once

#include <functional>

#include "lrc/core/execution.hpp"
#include "lrc/model/block.hpp"
#include "lrc/model/config.hpp"
#include "lrc/model/layers.hpp"
#include "lrc/model/rotary.hpp"
#include "lrc/model/router.hpp"

namespace lrc {

/// Sees the input of a group, before quantization and after the online rotation: tokens×d_in.
using InputObserver = std::function<void(const LinearGroup& group, const ConstViewF& inputs)>;

/// What a forward pass needs beside the weights.
struct ForwardContext {
  const ModelConfig& config;
  const RotaryEmbedding& rotary;
  Index sequence_length;
  Execution& exec;
};

/// hidden (tokens×hidden_size, tokens = sequences·sequence_length, sequence after sequence) ← block(hidden).
/// `observe`, where given, is called once for each group of linears that has inputs: an expert without tokens has none.
void forward_block(const ForwardContext& context, const Block& block, ViewF hidden, const InputObserver& observe = {});

/// The two halves of a block: attention, then the MLP or the experts.
void forward_attention(const ForwardContext& context, const Block& block, ViewF hidden,
                       const InputObserver& observe = {});
void forward_mlps(const ForwardContext& context, const Block& block, ViewF hidden, const InputObserver& observe = {});

/// What qkv reads, and what the MLP or the router and the experts read: tokens×hidden_size.
MatrixF attention_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden);
MatrixF mlp_inputs(const ForwardContext& context, const Block& block, const ConstViewF& hidden);

/// What attention_out reads (tokens×query_size) and what down reads (tokens×intermediate_size), from the outputs of the
/// group before it, which are used up; the second is a part of them.
MatrixF attended(const ForwardContext& context, const Block& block, std::vector<MatrixF>& qkv);
ViewF gated(Execution& exec, std::vector<MatrixF>& gate_up);

/// An expert's rows of x (tokens×d) as one batch, and its outputs (the expert's tokens×hidden_size) added to theirs.
MatrixF gathered(Execution& exec, const ExpertTokens& tokens, const ConstViewF& x);
void add_scattered(Execution& exec, const ExpertTokens& tokens, const MatrixF& outputs, ViewF hidden);

/// One MLP's outputs (tokens×hidden_size) for its inputs x, which it uses up.
MatrixF forward_mlp(Execution& exec, const Mlp& mlp, ViewF x, const InputObserver& observe = {});

/// The outputs of a group's linears for the inputs x (tokens×d_in): corrected from the inputs as
/// they come, rotated, observed, centred, corrected by the group's branches, quantized, multiplied.
/// x is left as the quantized linears saw it.
std::vector<MatrixF> forward_group(Execution& exec, const LinearGroup& group, ViewF x,
                                   const InputObserver& observe = {});

/// Q_a on every row of x, on the threads of `exec`.
void quantize_rows(Execution& exec, const ActivationQuantizer& quantizer, ViewF x);

}  // namespace lrc
