// The gradients of a group of linears.
#pragma once

#include <span>
#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/model/block.hpp"

namespace lrc {

/// Which gradients are computed.
struct Wanted {
  bool inputs = true;    ///< of a group's inputs; of a block's hidden states
  bool weights = false;  ///< of a linear
  bool biases = false;
  bool u = false;  ///< of a linear's own correction and of branches
  bool v = false;
};

/// Shaped as those of Linear; empty where it is not wanted or not there.
struct LinearGradient {
  MatrixF weight;  ///< of Ŵ, as the forward pass multiplies with it
  VectorF bias;
  MatrixF u, v;
};

/// Shaped as those of Branch; empty where it is not wanted.
struct BranchGradient {
  MatrixF v;
  std::vector<MatrixF> u;
};

struct GroupGradient {
  MatrixF inputs;  ///< tokens×d_in, of the inputs as they come; empty where it is not wanted
  std::vector<LinearGradient> linears;
  std::vector<BranchGradient> branches;
};

/// The gradients of forward_group(exec, group, x) with respect to x, `inputs` (tokens×d_in, as they come), and to what
/// the group consists of. `outputs`: the gradients of its linears' outputs, tokens×d_out each. The activation quantizer
/// passes gradients straight through where it does not clamp (ActivationQuantizer::backward).
GroupGradient backward_group(Execution& exec, const LinearGroup& group, const MatrixF& inputs,
                             std::span<const MatrixF> outputs, const Wanted& wanted);

/// ActivationQuantizer::backward on every row, on the threads of `exec`.
void backward_quantize_rows(Execution& exec, const ActivationQuantizer& quantizer, const ConstViewF& x, ViewF gradient);

}  // namespace lrc
