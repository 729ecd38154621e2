// Sums that don't depend on their order: every contribution is rounded once to a fixed-point grid and added as int64.
#pragma once

#include <cstdint>
#include <string>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// Power-of-two scales of a group's channels. The product of channels i and j lives on the grid 2^-(exponent_i +
/// exponent_j); by Cauchy and Schwarz no product can overflow unless the square of a channel does, so only squares are
/// checked.
class FixedPointScales {
 public:
  /// `energy` (d): what Σ x_j² over one unit of work is expected to be; what comes may be larger by far: any channel
  /// may reach 16 times the largest expectation. `units`: how many contributions will be added in all. The grid leaves
  /// an expected square 2^32 steps or more of resolution: 24 bits of a float fit with room to spare.
  FixedPointScales(const VectorD& energy, Index units);

  Index channels() const { return exponents_.size(); }

  /// sum[j] += round(values[j]·2^(e_row + e_first+j)) for j < size, where values are one row of a unit's product.
  void add_row(Index row, Index first, Index size, const float* values, std::int64_t* sum) const;
  /// The same for one number, from a double.
  std::int64_t rounded(Index i, Index j, double value) const;
  /// For Σ x of a channel over one unit, whose square is at most the unit's tokens times the channel's square.
  std::int64_t rounded_sum(Index channel, double value) const;
  double sum_value(Index channel, std::int64_t sum) const;
  /// The number a sum stands for.
  double value(Index i, Index j, std::int64_t sum) const;

  /// Throws Error naming `group`, the channel and the value where a contribution to the square of `channel` is too
  /// large for the grid, or is not finite.
  void check_square(const std::string& group, Index channel, double value) const;

 private:
  Eigen::VectorXi exponents_;  // d
  VectorD factors_;            // d: 2^exponent
  double limit_;               // a contribution, on the grid, must stay below
};

}  // namespace lrc
