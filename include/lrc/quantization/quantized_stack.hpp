// What quantization makes of a stack of linears and of the inputs of their group: solved, committed and exported as it
// is.
#pragma once

#include "lrc/quantization/low_rank/factor_bits.hpp"

namespace lrc {

/// A linear, or several that share V.
struct QuantizedStack {
  MatrixI8 codes{};        ///< d_out×d_in
  MatrixF scales{};        ///< d_out×groups
  MatrixI8 zero_points{};  ///< d_out×groups, or 0×0: as of QuantizedWeight
  StoredFactor u{}, v{};   ///< d_out×k and d_in×k; k = 0 for rtn and gptq
  MatrixF u_sizes{};       ///< 1×parts where these were solved at one size (balance.hpp): u is times it; or 0×0
  VectorF mean{};          ///< d_in, taken off the inputs; or empty
  VectorF center_bias{};   ///< d_out: what that takes off the outputs; or empty
  VectorF input_range{};   ///< the least and the greatest input, where these have a fixed grid; or empty
};

/// What prepares a group's inputs to be quantized. Empty where nothing does.
struct InputTransform {
  VectorF mean{};             ///< d_in
  StoredFactor directions{};  ///< d_in×k, of residual activations
  VectorF range{};            ///< the least and the greatest of what is quantized, and 0, where that is by a fixed grid
  VectorF target_mean{};  ///< d_in: what the bias W μ answers for, where the target's mean is not that of the inputs
};

}  // namespace lrc
