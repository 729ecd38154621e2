#include "lrc/quantization/rank.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace lrc {

Index rank_of(RankRule rule, double fraction, Index d_out, Index d_in) {
  assert(fraction >= 0 && d_out > 0 && d_in > 0);
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  const double smaller = std::min(rows, cols);
  const double rank = fraction * (rule == RankRule::params ? rows * cols / (rows + cols) : smaller);
  constexpr double kRounding = 1e-9;  // 0.29·100 is 29, not 28.999...
  return static_cast<Index>(std::floor(std::min(rank + kRounding, smaller)));
}

double stored_bits(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits) {
  constexpr double kScaleBits = 16;
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  return rows * cols * weight_bits + rows * static_cast<double>(groups) * kScaleBits +
         (rows + cols) * static_cast<double>(rank) * factor_bits;
}

double bits_per_weight(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits) {
  const double weights = static_cast<double>(d_out) * static_cast<double>(d_in);
  return stored_bits(d_out, d_in, weight_bits, groups, rank, factor_bits) / weights;
}

}  // namespace lrc
