#include "lrc/quantization/lrq/gradient_sum.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace lrc {
namespace {

// Adding 1.5·2^52 rounds a double of at most 2^51 to an integer and leaves that integer in the low bits of the sum.
constexpr double kRound = 0x1.8p52;
constexpr int kContributionBits = 51, kSumBits = 62;
constexpr Index kTile = 16384;  // elements a thread takes at a time

template <class Tile>
void for_each_tile(Execution& exec, Index size, const Tile& tile) {
  exec.for_each(ceil_div(size, kTile), [&](Index i) { tile(i, i * kTile, std::min(size, (i + 1) * kTile)); });
}

}  // namespace

float largest_magnitude(Execution& exec, const MatrixF& values) {
  std::vector<std::uint32_t> largest(static_cast<std::size_t>(ceil_div(values.size(), kTile)), 0);  // of each tile
  for_each_tile(exec, values.size(), [&](Index tile, Index begin, Index end) {
    std::uint32_t bits = 0;  // without their signs, floats are ordered as their bits, and what is no number comes last
    for (Index i = begin; i < end; ++i) {
      bits = std::max(bits, std::bit_cast<std::uint32_t>(values.data()[i]) & 0x7FFFFFFFU);
    }
    largest[tile] = bits;
  });
  std::uint32_t bits = 0;
  for (const std::uint32_t of_tile : largest) bits = std::max(bits, of_tile);
  const auto magnitude = std::bit_cast<float>(bits);
  return std::isnan(magnitude) ? INFINITY : magnitude;
}

GradientSum::GradientSum(Index rows, Index cols, float largest, Index count)
    : rows_(rows), cols_(cols), words_(static_cast<std::size_t>(rows * cols), 0) {
  assert(count >= 1 && largest >= 0 && std::isfinite(largest));
  const int bits_of_count = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count)));
  const int bits = std::min(kContributionBits, kSumBits - bits_of_count);
  int exponent = 0;  // largest < 2^exponent
  std::frexp(largest, &exponent);
  factor_ = std::ldexp(1.0, bits - exponent);
}

void GradientSum::add(Execution& exec, const MatrixF& values) {
  assert(values.rows() == rows_ && values.cols() == cols_);
  for_each_tile(exec, values.size(), [&](Index, Index begin, Index end) {
    const float* from = values.data();
    std::int64_t* to = words_.data();
    for (Index i = begin; i < end; ++i) {
      to[i] += std::bit_cast<std::int64_t>(from[i] * factor_ + kRound) - std::bit_cast<std::int64_t>(kRound);
    }
  });
}

MatrixF GradientSum::value(Execution& exec) const {
  MatrixF sum(rows_, cols_);
  const double step = 1 / factor_;
  for_each_tile(exec, sum.size(), [&](Index, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) sum.data()[i] = static_cast<float>(static_cast<double>(words_[i]) * step);
  });
  return sum;
}

}  // namespace lrc
