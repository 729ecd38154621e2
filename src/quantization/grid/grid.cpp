#include "lrc/quantization/grid/grid.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "lrc/core/dtype.hpp"
#include "lrc/quantization/grid/asymmetric_range.hpp"
#include "lrc/quantization/grid/error_power.hpp"

namespace lrc {
namespace {

constexpr int kClipSteps = 80;
constexpr Index kLanes = 16, kChunk = 128;

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
        lanes[lane] += error_power<2>(square);
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
  const int steps = grid.range == Range::mse ? kClipSteps : 1;
  for (int step = 0; step < steps; ++step) {
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

AsymmetricRange fit_range(std::span<const float> weights, const WeightGrid& grid) {
  return grid.range == Range::mse ? least_error_range(weights, grid.bits) : whole_range(weights, grid.bits);
}

}  // namespace

FittedGrid fit_grid(Execution& exec, const MatrixD& weight, const WeightGrid& grid) {
  assert(2 <= grid.bits && grid.bits <= 8 && grid.group_size >= 0);
  const Index d_in = weight.cols(), width = grid.group_width(d_in), groups = grid.groups(d_in);
  FittedGrid fitted{.scales = MatrixF(weight.rows(), groups),
                    .zero_points = grid.zero_points ? MatrixI8(weight.rows(), groups) : MatrixI8()};
  exec.for_each(weight.rows(), [&](Index row) {
    for (Index group = 0; group < groups; ++group) {
      const Index begin = group * width, size = std::min(width, d_in - begin);
      std::vector<float> values(static_cast<std::size_t>(ceil_div(size, kChunk) * kChunk), 0.0F);
      for (Index i = 0; i < size; ++i) values[i] = static_cast<float>(weight(row, begin + i));
      if (grid.zero_points) {
        const AsymmetricRange range = fit_range(std::span(values).first(static_cast<std::size_t>(size)), grid);
        fitted.scales(row, group) = range.scale;
        fitted.zero_points(row, group) = static_cast<std::int8_t>(range.zero_point);
      } else {
        fitted.scales(row, group) = fit_scale(values, grid);
      }
    }
  });
  return fitted;
}

MatrixF dequantized(const MatrixI8& codes, const MatrixF& scales, const MatrixI8& zero_points, Index group_size) {
  assert(zero_points.size() == 0 || (zero_points.rows() == scales.rows() && zero_points.cols() == scales.cols()));
  const Index width = WeightGrid{.group_size = group_size}.group_width(codes.cols());
  MatrixF weight(codes.rows(), codes.cols());
  for (Index row = 0; row < codes.rows(); ++row) {
    for (Index col = 0; col < codes.cols(); ++col) {
      const Index group = col / width;
      const int zero = zero_points.size() > 0 ? zero_points(row, group) : 0;
      weight(row, col) = static_cast<float>(codes(row, col) - zero) * scales(row, group);
    }
  }
  return weight;
}

}  // namespace lrc
