// The grid that weights are rounded to: integers times a scale, symmetric about zero or shifted by a zero point, one of
// each per output channel or per group of neighbouring input channels.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

using MatrixI8 = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// How a grid's range is found.
enum class Range {
  mse,     ///< that of the least Σ |error|^2.4, which may clip the largest weights
  minmax,  ///< the least that holds all weights
};

struct WeightGrid {
  int bits = 4;              ///< 2..8
  Index group_size = 0;      ///< input channels that share a scale; 0 = all
  bool zero_points = false;  ///< asymmetric: with each scale a zero point
  Range range = Range::mse;

  int lowest() const { return -(1 << (bits - 1)); }
  int highest() const { return (1 << (bits - 1)) - 1; }
  Index group_width(Index d_in) const { return group_size > 0 ? group_size : d_in; }
  /// Scales of one row; the last group may be narrower than the others.
  Index groups(Index d_in) const { return d_in == 0 ? 0 : ceil_div(d_in, group_width(d_in)); }
};

/// A weight on the grid: Ŵ = (code − zero point) · scale.
struct QuantizedWeight {
  MatrixI8 codes;          ///< d_out×d_in
  MatrixF scales;          ///< d_out×groups: of a symmetric grid bfloat16 values, of an asymmetric one any in fp32
  MatrixI8 zero_points{};  ///< d_out×groups: the code of zero, lowest() .. highest(); 0×0 of a symmetric grid
};

/// Where a grid lies for a weight.
struct FittedGrid {
  MatrixF scales;        ///< as of QuantizedWeight
  MatrixI8 zero_points;  ///< as of QuantizedWeight
};

/// For `weight` (d_out×d_in). Symmetric, the scales are of p·absmax/highest, p = 1, 0.99, ... 0.21, rounded to bfloat16
/// (as stored), the one with the least Σ |w − q(w)|^2.4, or with minmax the first; a group of zeros gets scale 1.
/// Asymmetric, least_error_range() or whole_range() of asymmetric_range.hpp, scales as they are in fp32: stored so,
/// and where they are learned, learned so.
/// Precondition: 2 ≤ bits ≤ 8, finite weights.
FittedGrid fit_grid(Execution& exec, const MatrixD& weight, const WeightGrid& grid);

/// (codes − zero_points) · scales as numbers: d_out×d_in, rounded once to fp32 (exact with bfloat16 scales).
/// `group_size` as in WeightGrid; zero_points as of QuantizedWeight.
MatrixF dequantized(const MatrixI8& codes, const MatrixF& scales, const MatrixI8& zero_points, Index group_size);

}  // namespace lrc
