// From the outputs of one group of linears to what the next one reads, and its gradient beside it: attention between
// qkv and attention_out, the gate between gate_up and down. A group has a linear for each part, or one for all.
#pragma once

#include <vector>

#include "lrc/model/block.hpp"
#include "lrc/model/forward/context.hpp"

namespace lrc {

/// What attention_out reads (tokens×query_size) for the outputs of qkv.
MatrixF attended(const ForwardContext& context, const Block& block, std::vector<MatrixF> qkv);

/// The gradients of `qkv`, from that of what attended gave (`gradient`).
std::vector<MatrixF> backward_attended(const ForwardContext& context, const Block& block,
                                       const std::vector<MatrixF>& qkv, const ConstViewF& gradient);

/// What down reads (tokens×intermediate_size) for the outputs of gate_up; the second in place of them.
MatrixF gated(Execution& exec, const std::vector<MatrixF>& gate_up);
MatrixF gated(Execution& exec, std::vector<MatrixF>&& gate_up);

/// The gradients of `gate_up`, in place of it, from that of what gated gave (`gradient`).
std::vector<MatrixF> backward_gated(Execution& exec, std::vector<MatrixF> gate_up, const ConstViewF& gradient);

}  // namespace lrc
