// A factor of a correction as it is stored: 16-bit numbers, or int8 codes with one scale per column, which halve the
// cost of a rank (docs/method.md, "Stacks and quantized factors").
#pragma once

#include "lrc/core/dtype.hpp"
#include "lrc/linalg/matrix_kinds.hpp"
#include "lrc/quantization/grid/grid.hpp"

namespace lrc {

/// Where a factor is of several ranks, `values` and `codes` are of each rank's own rows (matrix_kinds.hpp).
struct StoredFactor {
  MatrixF values{};  ///< rows×k: the numbers that the codes or 16 bits stand for
  MatrixI8 codes{};  ///< rows×k, values = codes · scales by column; 0×0 where 16 bits are stored
  MatrixF scales{};  ///< 1×k, bfloat16 values; 0×0 where 16 bits are stored
};

/// `factor` (rows×k) rounded to `half` (F16, or BF16 for stock loaders), or to int8 codes in [−127, 127] times
/// absmax/127 of each column, rounded to bfloat16; a column of zeros gets scale 1. Throws InputError where factor_bits
/// is neither 16 nor 8, Error where a value does not fit `half`, or a scale bfloat16.
template <class Matrix>
StoredFactor stored_factor(const Matrix& factor, int factor_bits, Dtype half = Dtype::f16);

}  // namespace lrc
