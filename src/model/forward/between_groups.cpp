#include "lrc/model/forward/between_groups.hpp"

#include <cassert>

#include "lrc/model/forward/group_backward.hpp"
#include "lrc/model/forward/group_forward.hpp"
#include "lrc/model/forward/layers.hpp"

namespace lrc {
namespace {

// The parts of a group's outputs, whether each has a linear of its own or they share one.
template <class View, class Outputs>
std::vector<View> split(Outputs& outputs, const std::vector<Index>& widths) {
  std::vector<View> parts;
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

std::vector<Index> qkv_widths(const ModelConfig& config) {
  return {config.query_size(), config.key_size(), config.key_size()};
}

std::vector<Index> gate_widths(const std::vector<MatrixF>& gate_up) {
  Index both = 0;
  for (const MatrixF& part : gate_up) both += part.cols();
  return {both / 2, both / 2};
}

// q and k as their products are taken: every head normed and turned by its position.
void position(const ForwardContext& context, const Block& block, ViewF q, ViewF k) {
  const float eps = context.config.rms_norm_eps;
  if (block.q_norm.size() > 0) rms_norm_heads(context.exec, block.q_norm, eps, q);
  if (block.k_norm.size() > 0) rms_norm_heads(context.exec, block.k_norm, eps, k);
  context.rotary.apply(context.exec, context.sequence_length, q);
  context.rotary.apply(context.exec, context.sequence_length, k);
}

// The gradients of q and k before `position`, as which they are given, in place of those after it.
void backward_position(const ForwardContext& context, const Block& block, const ConstViewF& q, const ConstViewF& k,
                       ViewF q_gradient, ViewF k_gradient) {
  const float eps = context.config.rms_norm_eps;
  context.rotary.backward(context.exec, context.sequence_length, q_gradient);
  context.rotary.backward(context.exec, context.sequence_length, k_gradient);
  if (block.q_norm.size() > 0) backward_rms_norm_heads(context.exec, q, block.q_norm, eps, q_gradient);
  if (block.k_norm.size() > 0) backward_rms_norm_heads(context.exec, k, block.k_norm, eps, k_gradient);
}

// Keys and values as a cache of fewer bits would give them back.
void quantize_cache(Execution& exec, const Block& block, const std::vector<ViewF>& qkv) {
  quantize_rows(exec, block.kv, qkv[1]);
  quantize_rows(exec, block.kv, qkv[2]);
}

}  // namespace

MatrixF attended(const ForwardContext& context, const Block& block, std::vector<MatrixF> qkv) {
  const std::vector<ViewF> parts = split<ViewF>(qkv, qkv_widths(context.config));
  quantize_cache(context.exec, block, parts);
  position(context, block, parts[0], parts[1]);
  MatrixF result(parts[0].rows(), parts[0].cols());
  causal_attention(context.exec, context.config, context.sequence_length, block.window, parts[0], parts[1], parts[2],
                   result);
  return result;
}

std::vector<MatrixF> backward_attended(const ForwardContext& context, const Block& block,
                                       const std::vector<MatrixF>& qkv, const ConstViewF& gradient) {
  const std::vector<Index> widths = qkv_widths(context.config);
  std::vector<MatrixF> read = qkv, gradients;  // what attention read; both shaped as qkv
  for (const MatrixF& outputs : qkv) gradients.emplace_back(outputs.rows(), outputs.cols());
  const std::vector<ViewF> parts = split<ViewF>(read, widths), of_parts = split<ViewF>(gradients, widths);
  quantize_cache(context.exec, block, parts);
  const MatrixF k = block.k_norm.size() > 0 ? MatrixF(parts[1]) : MatrixF(parts[1].rows(), 0);  // as the norm read it
  position(context, block, parts[0], parts[1]);
  backward_causal_attention(context.exec, context.config, context.sequence_length, block.window, parts[0], parts[1],
                            parts[2], gradient, of_parts[0], of_parts[1], of_parts[2]);
  const std::vector<ConstViewF> came = split<ConstViewF>(qkv, widths);
  backward_position(context, block, came[0], k, of_parts[0], of_parts[1]);
  for (const std::size_t i : {1, 2}) backward_quantize_rows(context.exec, block.kv, came[i], of_parts[i]);
  return gradients;
}

MatrixF gated(Execution& exec, const std::vector<MatrixF>& gate_up) {
  const std::vector<ConstViewF> parts = split<ConstViewF>(gate_up, gate_widths(gate_up));
  MatrixF result(parts[0].rows(), parts[0].cols());
  swiglu(exec, parts[0], parts[1], result);
  return result;
}

MatrixF gated(Execution& exec, std::vector<MatrixF>&& gate_up) {
  if (gate_up.size() == 1) return gated(exec, gate_up);
  swiglu(exec, gate_up[0], gate_up[1], gate_up[0]);
  return std::move(gate_up[0]);
}

std::vector<MatrixF> backward_gated(Execution& exec, std::vector<MatrixF> gate_up, const ConstViewF& gradient) {
  const std::vector<ViewF> parts = split<ViewF>(gate_up, gate_widths(gate_up));
  backward_swiglu(exec, gradient, parts[0], parts[1]);
  return gate_up;
}

}  // namespace lrc
