// Reductions over a row in a fixed order: sixteen partial results side by side, which the compiler turns into vector
// instructions, and which give the same bits whatever the alignment of the row.
#pragma once

#include <array>
#include <cmath>

#include "lrc/core/types.hpp"

namespace lrc {

/// Folds `size` values by combine(partial, value), sixteen lanes apart, then the lanes by join(lane, lane).
template <class Combine, class Join>
float lane_fold(const float* values, Index size, float start, Combine combine, Join join) {
  constexpr Index kLanes = 16;
  std::array<float, kLanes> lanes;
  lanes.fill(start);
  Index i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (Index lane = 0; lane < kLanes; ++lane) lanes[lane] = combine(lanes[lane], values[i + lane]);
  }
  for (Index lane = 0; i < size; ++i, ++lane) lanes[lane] = combine(lanes[lane], values[i]);
  for (Index half = kLanes / 2; half > 0; half /= 2) {
    for (Index lane = 0; lane < half; ++lane) lanes[lane] = join(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

inline float lane_sum(const float* values, Index size) {
  const auto add = [](float a, float b) { return a + b; };
  return lane_fold(values, size, 0.0F, add, add);
}

inline float lane_sum_of_squares(const float* values, Index size) {
  return lane_fold(
      values, size, 0.0F, [](float sum, float x) { return sum + x * x; }, [](float a, float b) { return a + b; });
}

/// Σ a_i b_i.
inline float lane_dot(const float* a, const float* b, Index size) {
  constexpr Index kLanes = 16;
  std::array<float, kLanes> lanes{};
  Index i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (Index lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (Index lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i];
  return lane_sum(lanes.data(), kLanes);
}

inline float lane_max(const float* values, Index size) {
  const auto larger = [](float a, float b) { return a > b ? a : b; };
  return lane_fold(values, size, -INFINITY, larger, larger);
}

inline float lane_min(const float* values, Index size) {
  const auto smaller = [](float a, float b) { return a < b ? a : b; };
  return lane_fold(values, size, INFINITY, smaller, smaller);
}

inline float lane_abs_max(const float* values, Index size) {
  return lane_fold(
      values, size, 0.0F,
      [](float a, float b) {
        const float magnitude = std::fabs(b);
        return a > magnitude ? a : magnitude;
      },
      [](float a, float b) { return a > b ? a : b; });
}

}  // namespace lrc
