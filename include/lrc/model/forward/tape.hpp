// What the backward pass of a block needs of its forward pass: what products gave. What follows from that element by
// element is computed again.
#pragma once

#include <vector>

#include "lrc/model/forward/forward.hpp"

namespace lrc {

/// Of one MLP, whose tokens are all, or those that its expert sees; empty where these are none.
struct MlpTape {
  std::vector<MatrixF> gate_up;  ///< its outputs: tokens×d_out of each linear
  MatrixF down;                  ///< of an expert its outputs: tokens×hidden_size
};

struct BlockTape {
  MatrixF entered{};                   ///< the hidden states: tokens×hidden_size
  std::vector<MatrixF> qkv{};          ///< its outputs: tokens×d_out of each linear
  MatrixF attended{};                  ///< what attention_out reads: tokens×query_size
  MatrixF middle{};                    ///< the hidden states between attention and MLP: tokens×hidden_size
  std::vector<ExpertTokens> routed{};  ///< one an expert; none in a dense block
  std::vector<MlpTape> mlps{};         ///< one, or one an expert
};

/// forward_block, to the bit, of which `tape` (whatever it held before) keeps what backward_block needs.
void forward_block(const ForwardContext& context, const Block& block, MatrixF& hidden, BlockTape& tape);

/// What the tape of a batch of `tokens` holds.
double tape_bytes(const ModelConfig& config, Index tokens);

}  // namespace lrc
