#include "lrc/quantization/grid/grid.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

#include "lrc/core/dtype.hpp"

namespace lrc {
namespace {

constexpr int kClipSteps = 80;
constexpr double kErrorPower = 2.4;
constexpr Index kLanes = 16, kChunk = 128;

// x^0.2 to 3e-5 for normal x ≥ 0, in arithmetic that becomes vector instructions: Newton's iteration for x^-0.2 from a
// guess made of the exponent's bits.
float fifth_root(float x) {
  constexpr float kGuess = 1.2F * 126.955F * 0x1p23F;
  float y = std::bit_cast<float>(
      static_cast<std::int32_t>(kGuess - 0.2F * static_cast<float>(std::bit_cast<std::int32_t>(x))));
  for (int step = 0; step < 2; ++step) {
    const float y2 = y * y;
    y *= 1.2F - 0.2F * x * y2 * y2 * y;
  }
  return x * (y * y) * (y * y);
}

float rounded(float x) {
  constexpr float kRound = 0x1.8p23F;  // adding it leaves an integer, ties to even
  return (x + kRound) - kRound;
}

// Σ |x − q(x)|^2.4 over weights in units of the scale; stops where the sum has passed `enough`.
float rounding_cost(const std::vector<float>& weights, float inverse_scale, const WeightGrid& grid, float enough) {
  const auto lowest = static_cast<float>(grid.lowest()), highest = static_cast<float>(grid.highest());
  const Index size = std::ssize(weights);
  std::array<float, kLanes> lanes{};
  float sum = 0;
  for (Index begin = 0; begin < size && sum <= enough; begin += kChunk) {  // weights are padded to whole chunks
    lanes.fill(0);
    for (Index i = begin; i < begin + kChunk; i += kLanes) {
      for (Index lane = 0; lane < kLanes; ++lane) {
        const float x = weights[i + lane] * inverse_scale;
        float q = rounded(x);
        q = q < lowest ? lowest : q;
        q = q > highest ? highest : q;
        const float square = (x - q) * (x - q);
        lanes[lane] += square * fifth_root(square);
      }
    }
    for (const float lane : lanes) sum += lane;
  }
  return sum;
}

float fit_scale(const std::vector<float>& weights, const WeightGrid& grid) {
  float largest = 0;
  for (const float w : weights) largest = std::max(largest, std::abs(w));
  float best_scale = 1;
  double best_cost = std::numeric_limits<double>::infinity();
  for (int step = 0; step < kClipSteps; ++step) {
    const double clip = 1.0 - 0.01 * step;
    const float scale = rounded_to(Dtype::bf16, static_cast<float>(clip * largest / grid.highest()));
    if (!(scale >= std::numeric_limits<float>::min())) break;  // zeros, or too small for a normal number
    const double unit = std::pow(static_cast<double>(scale), kErrorPower);
    const double cost = unit * rounding_cost(weights, 1.0F / scale, grid, static_cast<float>(best_cost / unit));
    if (cost >= best_cost) continue;
    best_cost = cost;
    best_scale = scale;
  }
  return best_scale;
}

}  // namespace

MatrixF fit_scales(Execution& exec, const MatrixD& weight, const WeightGrid& grid) {
  assert(2 <= grid.bits && grid.bits <= 8 && grid.group_size >= 0);
  const Index d_in = weight.cols(), width = grid.group_width(d_in);
  MatrixF scales(weight.rows(), grid.groups(d_in));
  exec.for_each(weight.rows(), [&](Index row) {
    for (Index group = 0; group < scales.cols(); ++group) {
      const Index begin = group * width, size = std::min(width, d_in - begin);
      std::vector<float> values(static_cast<std::size_t>(ceil_div(size, kChunk) * kChunk), 0.0F);
      for (Index i = 0; i < size; ++i) values[i] = static_cast<float>(weight(row, begin + i));
      scales(row, group) = fit_scale(values, grid);
    }
  });
  return scales;
}

MatrixF dequantized(const MatrixI8& codes, const MatrixF& scales, Index group_size) {
  const Index width = WeightGrid{.group_size = group_size}.group_width(codes.cols());
  MatrixF weight(codes.rows(), codes.cols());
  for (Index row = 0; row < codes.rows(); ++row) {
    for (Index col = 0; col < codes.cols(); ++col) {
      weight(row, col) = static_cast<float>(codes(row, col)) * scales(row, col / width);
    }
  }
  return weight;
}

}  // namespace lrc
