// What an MLP reads, without what the forward pass makes of a block.
#pragma once

#include "lrc/model/forward/group_forward.hpp"

namespace lrc {

/// Shows `observe` the inputs of gate_up and of down for x: tokens×hidden_size. gate and up have a linear each.
inline void show_mlp(Execution& exec, const Mlp& mlp, MatrixF x,
                     const std::function<void(const LinearGroup&, const ConstViewF&)>& observe) {
  const std::vector<MatrixF> outputs = forward_group(exec, mlp.gate_up, x, {.inputs = observe});
  const auto gate = outputs[0].array(), up = outputs[1].array();
  MatrixF inner = (gate / (1 + (-gate).exp()) * up).matrix();
  forward_group(exec, mlp.down, inner, {.inputs = observe});
}

}  // namespace lrc
