#include "lrc/quantization/low_rank/rank.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace lrc {

namespace {

constexpr double kScaleBits = 16, kWideScaleBits = 32;
constexpr int kWordBits = 32;

Index words_of(Index codes, int bits) { return ceil_div(codes, Index{kWordBits / bits}); }  // no code spans two

// The rank that the budget pays for, before any cap.
double affordable(double fraction, const Stack& stack, int factor_bits) {
  assert(fraction >= 0 && stack.d_out > 0 && stack.d_in > 0 && factor_bits > 0 && stack.other_bits >= 0);
  const auto rows = static_cast<double>(stack.d_out), cols = static_cast<double>(stack.d_in);
  const double budget = fraction * rows * cols * 16 - stack.other_bits;
  return std::max(0.0, budget) / ((rows + cols) * factor_bits + factor_scale_bits(1, factor_bits));
}

Index rounded_down(double rank, Index most) {
  constexpr double kRounding = 1e-9;  // 0.29·100 is 29, not 28.999...
  return static_cast<Index>(std::floor(std::min(rank + kRounding, static_cast<double>(most))));
}

}  // namespace

Index rank_of(double fraction, Index d_out, Index d_in) { return stack_rank(fraction, {d_out, d_in}, 16); }

Index stack_rank(double fraction, const Stack& stack, int factor_bits) {
  return rounded_down(affordable(fraction, stack, factor_bits), std::min(stack.d_out, stack.d_in));
}

Index residual_rank(double fraction, const Stack& stack, int factor_bits) {
  return rounded_down(affordable(fraction, stack, factor_bits), stack.d_in - ceil_div(stack.d_in, 8));
}

double factor_scale_bits(Index rank, int factor_bits) {
  return factor_bits == 16 ? 0.0 : 2.0 * 16.0 * static_cast<double>(rank);
}

double zero_point_bits(Index d_out, Index groups, int weight_bits) {
  const double scales = static_cast<double>(d_out * groups) * (kWideScaleBits - kScaleBits);
  return scales + static_cast<double>(words_of(d_out, weight_bits) * groups) * kWordBits;
}

double stored_bits(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits) {
  const auto words = static_cast<double>(words_of(d_in, weight_bits));  // of a row
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  return rows * words * kWordBits + rows * static_cast<double>(groups) * kScaleBits +
         (rows + cols) * static_cast<double>(rank) * factor_bits;
}

double bits_per_weight(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits) {
  const double weights = static_cast<double>(d_out) * static_cast<double>(d_in);
  return stored_bits(d_out, d_in, weight_bits, groups, rank, factor_bits) / weights;
}

}  // namespace lrc
