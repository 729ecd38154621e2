#include "lrc/calibration/fixed_point.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace lrc {
namespace {

// Headroom of a square over its expectation, and how far below the loudest channel an expectation may lie, in bits.
constexpr int kHeadroomBits = 20;
constexpr double kQuietest = 0x1p-16;

// Adding 1.5·2^52 rounds a double below 2^51 to an integer and leaves that integer in the low bits of the sum.
constexpr double kRound = 6755399441055744.0;
constexpr int kContributionBits = 51;
// A channel's square in one unit is below 2^51 on its grid, so its sum over 2^16 tokens is below 2^34 on the grid of x.
constexpr double kOfASum = 0x1p16;
constexpr int kSumBits = 62;

int bits_of(Index count) { return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count))); }

std::int64_t round_to_integer(double value) {
  return std::bit_cast<std::int64_t>(value + kRound) - std::bit_cast<std::int64_t>(kRound);
}

}  // namespace

FixedPointScales::FixedPointScales(const VectorD& energy, Index units)
    : exponents_(energy.size()), factors_(energy.size()) {
  assert(units >= 1);
  const int bits = std::min(kContributionBits, kSumBits - bits_of(units));
  limit_ = std::ldexp(1.0, bits);
  double loudest = 0;
  for (const double e : energy) loudest = std::max(loudest, e);
  if (!(loudest > 0) || !std::isfinite(loudest)) loudest = 1;
  for (Index j = 0; j < energy.size(); ++j) {
    int exponent = 0;  // energy < 2^exponent
    std::frexp(std::max(energy[j], loudest * kQuietest), &exponent);
    exponents_[j] = static_cast<int>(std::floor((bits - kHeadroomBits - exponent) / 2.0));
    factors_[j] = std::ldexp(1.0, exponents_[j]);
  }
}

void FixedPointScales::add_row(Index row, Index first, Index size, const float* values, std::int64_t* sum) const {
  const double factor = factors_[row];
  const double* factors = factors_.data() + first;
  for (Index j = 0; j < size; ++j) sum[j] += round_to_integer(static_cast<double>(values[j]) * (factor * factors[j]));
}

std::int64_t FixedPointScales::rounded(Index i, Index j, double value) const {
  return round_to_integer(value * (factors_[i] * factors_[j]));
}

double FixedPointScales::value(Index i, Index j, std::int64_t sum) const {
  return static_cast<double>(sum) / (factors_[i] * factors_[j]);
}

std::int64_t FixedPointScales::rounded_sum(Index channel, double value) const {
  return round_to_integer(value * (factors_[channel] * kOfASum));
}

double FixedPointScales::sum_value(Index channel, std::int64_t sum) const {
  return static_cast<double>(sum) / (factors_[channel] * kOfASum);
}

void FixedPointScales::check_square(const std::string& group, Index channel, double value) const {
  if (std::abs(value * factors_[channel] * factors_[channel]) < limit_) return;  // false for NaN
  if (!std::isfinite(value)) {
    throw Error(
        fmt::format("{}: the second moment of input channel {} is {}: the model's activations overflow on this text",
                    group, channel, value));
  }
  throw Error(fmt::format(
      "{}: the second moment of input channel {} is {:g} in one unit of work, more than {:g}, which the first "
      "tokens of the calibration data let expect; put other text first",
      group, channel, value, limit_ / (factors_[channel] * factors_[channel])));
}

}  // namespace lrc
