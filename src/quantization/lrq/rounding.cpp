#include "lrc/quantization/lrq/rounding.hpp"

#include <array>

#include "lrc/quantization/grid/error_power.hpp"

namespace lrc {
namespace {

// Sixteen partial sums side by side, as in linalg/lanes.hpp.
constexpr Index kLanes = 16;

float clamped(const Rounding& rounding, float x) {
  float q = rounded(x);
  q = q < rounding.lowest ? rounding.lowest : q;
  return q > rounding.highest ? rounding.highest : q;
}

// dq/dx, straight through the rounding. Sums of what holds instead of branches: GCC makes vectors of these alone.
float slope(const Rounding& rounding, float x) {
  const float q = rounded(x);
  const int is_inside = (q > rounding.lowest) & (q < rounding.highest);
  const int is_at_bound = (q == rounding.lowest) | (q == rounding.highest);
  return static_cast<float>(is_inside) + rounding.edge * static_cast<float>(is_at_bound);
}

}  // namespace

void round_values(const Rounding& rounding, Index size, float* x) {
  const Rounding r = rounding;
  for (Index i = 0; i < size; ++i) x[i] = clamped(r, x[i]) * r.scale;
}

void round_codes(const Rounding& rounding, int zero_point, Index size, const float* x, std::int8_t* codes) {
  for (Index i = 0; i < size; ++i) {
    codes[i] = static_cast<std::int8_t>(static_cast<int>(clamped(rounding, x[i])) + zero_point);
  }
}

void differentiate_rounding(const Rounding& rounding, Index size, const float* x, float* by_values) {
  const Rounding r = rounding;
  for (Index i = 0; i < size; ++i) by_values[i] *= r.scale * slope(r, x[i]);
}

float differentiate_scaling(const Rounding& rounding, Index size, const float* x, float* by_values) {
  const Rounding r = rounding;
  std::array<float, kLanes> lanes{};
  const auto differentiate = [&](Index i, float& sum) {
    const float by_integer = by_values[i] * r.scale, of_ratio = slope(r, x[i]) * x[i];
    sum += by_integer * (clamped(r, x[i]) - of_ratio);
    by_values[i] = -by_integer * of_ratio;
  };
  Index i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (Index lane = 0; lane < kLanes; ++lane) differentiate(i + lane, lanes[lane]);
  }
  for (Index lane = 0; i < size; ++i, ++lane) differentiate(i, lanes[lane]);
  for (Index half = kLanes / 2; half > 0; half /= 2) {
    for (Index lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

}  // namespace lrc
