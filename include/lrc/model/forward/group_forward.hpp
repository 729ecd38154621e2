// The forward pass of a group of linears.
#pragma once

#include <functional>
#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/model/block.hpp"

namespace lrc {

/// Sees what the groups of linears of a forward pass read and give; what they give does not depend on it.
struct Observer {
  /// The inputs of a group, after its online rotation and before quantization: tokens×d_in.
  std::function<void(const LinearGroup& group, const ConstViewF& inputs)> inputs{};
  /// The outputs of its linears: tokens×d_out each.
  std::function<void(const LinearGroup& group, const std::vector<MatrixF>& outputs)> outputs{};
};

/// The outputs of a group's linears for the inputs x (tokens×d_in): corrected from the inputs as they come, rotated,
/// observed, centred, corrected by the group's branches, quantized, multiplied. x is left as the quantized linears saw
/// it.
std::vector<MatrixF> forward_group(Execution& exec, const LinearGroup& group, ViewF x, const Observer& observe = {});

/// Q_a on every row of x, on the threads of `exec`.
void quantize_rows(Execution& exec, const ActivationQuantizer& quantizer, ViewF x);

}  // namespace lrc
