// Rounding as it is learned, of a stretch of a row that shares a scale: values, codes, and the way back.
#pragma once

#include "lrc/quantization/grid/grid.hpp"

namespace lrc {

/// Ŵ = scale·clamp(round(x), lowest, highest).
struct Rounding {
  float scale;
  float lowest, highest;  ///< integers, lowest < highest
  float edge;             ///< the share of a gradient that passes where round(x) is lowest or highest
};

/// x (size) becomes Ŵ.
void round_values(const Rounding& rounding, Index size, float* x);

/// codes = clamp(round(x), lowest, highest) + zero_point. Precondition: x is finite, the codes fit.
void round_codes(const Rounding& rounding, int zero_point, Index size, const float* x, std::int8_t* codes);

/// `by_values`, the gradient by Ŵ (size), becomes that by x.
void differentiate_rounding(const Rounding& rounding, Index size, const float* x, float* by_values);

/// The same where x = w·exp(−t) and scale = exp(d1), t having d1 as a term: `by_values` becomes the gradient by t. The
/// result is the gradient by d1, through both.
float differentiate_scaling(const Rounding& rounding, Index size, const float* x, float* by_values);

}  // namespace lrc
