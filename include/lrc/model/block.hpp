// One transformer block, as the groups of linears that share an input: the unit of statistics and of solves.
#pragma once

#include <string>
#include <vector>

#include "lrc/core/types.hpp"
#include "lrc/linalg/hadamard.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/forward/activation_quantizer.hpp"

namespace lrc {

/// out = Q_a(x H) Wᵀ + (x V) Uᵀ + b, for tokens x as rows; H is the group's online rotation, where it has one.
struct Linear {
  std::string name;  ///< path of the module: "model.layers.0.self_attn.q_proj"
  MatrixF weight;    ///< d_out×d_in; of a quantized linear Ŵ, codes times scales
  VectorF bias;      ///< d_out, or empty
  MatrixF u;         ///< d_out×rank; rank 0 = no correction
  MatrixF v;         ///< d_in×rank; acts on the inputs as they come, before the online rotation
};

/// The correction of some linears of a group, `count` from the `first` on, that share one V, which acts on the inputs
/// as they are prepared to be quantized (after the online rotation, without their mean).
struct Branch {
  MatrixF v;               ///< d_in×k
  std::vector<MatrixF> u;  ///< a linear's d_out×k each
  std::size_t first = 0;
};

/// The places of a block's groups.
enum class GroupRole { qkv, attention_out, gate_up, down };
inline constexpr Index kNoExpert = -1;

/// Linears that read the same input.
struct LinearGroup {
  GroupRole role = GroupRole::qkv;
  Index expert = kNoExpert;  ///< whose gate_up or down this is
  std::string name;          ///< "model.layers.0.self_attn.qkv"
  std::vector<Linear> linears;
  const HadamardTransform* rotation = nullptr;  ///< applied to the input at run time (R4); not owned
  ActivationQuantizer quantizer{.bits = 16};    ///< Q_a; 16 bits = none
  VectorF mean{};                               ///< μ, taken off the inputs (the biases hold W μ): d_in, or empty
  std::vector<Branch> branches{};
  bool residual = false;  ///< what goes through the (one) branch is taken off before quantizing: Q_a(x − V Vᵀ x)

  Index inputs() const { return linears.front().weight.cols(); }
};

struct Mlp {
  LinearGroup gate_up;  ///< gate, up, or both in one linear
  LinearGroup down;     ///< down
};

struct Block {
  VectorF attention_norm;                     ///< hidden_size
  LinearGroup qkv;                            ///< q, k, v, or all in one linear
  VectorF q_norm, k_norm;                     ///< head_dim each, or empty
  ActivationQuantizer kv = kv_quantizer(16);  ///< of k's and v's outputs, as they come into the KV cache
  Index window = 0;                           ///< keys that a query sees; 0 = all before it
  LinearGroup attention_out;                  ///< o
  VectorF mlp_norm;                           ///< hidden_size
  MatrixF router;                             ///< experts×hidden_size; no rows in a dense block
  Index experts_per_token = 0;
  std::vector<Mlp> mlps;  ///< one, or the experts
};

}  // namespace lrc
