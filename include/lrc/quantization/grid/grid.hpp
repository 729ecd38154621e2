// The grid that weights are rounded to: symmetric integers times a scale, one scale per output channel or per group of
// neighbouring input channels.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

using MatrixI8 = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct WeightGrid {
  int bits = 4;          ///< 2..8
  Index group_size = 0;  ///< input channels that share a scale; 0 = all

  int lowest() const { return -(1 << (bits - 1)); }
  int highest() const { return (1 << (bits - 1)) - 1; }
  Index group_width(Index d_in) const { return group_size > 0 ? group_size : d_in; }
  /// Scales of one row; the last group may be narrower than the others.
  Index groups(Index d_in) const { return d_in == 0 ? 0 : ceil_div(d_in, group_width(d_in)); }
};

/// A weight on the grid.
struct QuantizedWeight {
  MatrixI8 codes;  ///< d_out×d_in
  MatrixF scales;  ///< d_out×groups, each a bfloat16
};

/// The scales (d_out×groups) for `weight` (d_out×d_in): of p·absmax/highest, p = 1, 0.99, ... 0.21, rounded to bfloat16
/// (as stored), the one with the least Σ |w − q(w)|^2.4. A group of zeros gets scale 1.
/// Precondition: 2 ≤ bits ≤ 8, finite weights.
MatrixF fit_scales(Execution& exec, const MatrixD& weight, const WeightGrid& grid);

/// codes · scales as numbers: d_out×d_in, exact in fp32. `group_size` as in WeightGrid.
MatrixF dequantized(const MatrixI8& codes, const MatrixF& scales, Index group_size);

}  // namespace lrc
