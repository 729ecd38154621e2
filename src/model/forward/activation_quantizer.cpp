#include "lrc/model/forward/activation_quantizer.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "lrc/linalg/lanes.hpp"

namespace lrc {
namespace {

// Adding and taking away 1.5·2^23 rounds a float below 2^22 to the nearest integer, ties to even, in any vector width.
constexpr float kRound = 12582912.0F;

float code(float value, float highest) {
  const float clamped = std::min(highest, std::max(-highest - 1, value));
  return (clamped + kRound) - kRound;
}

void quantize(float* values, Index size, ActivationGrid grid, float highest) {
  const auto [scale, zero_point] = grid;
  for (Index i = 0; i < size; ++i) values[i] = (code(values[i] / scale + zero_point, highest) - zero_point) * scale;
}

// Zero where the nearest code is none that there is.
void stop_clamped(const float* values, Index size, ActivationGrid grid, float highest, float* gradient) {
  const auto [scale, zero_point] = grid;
  for (Index i = 0; i < size; ++i) {
    const float nearest = (values[i] / scale + zero_point + kRound) - kRound;
    gradient[i] = nearest > highest || nearest < -highest - 1 ? 0.0F : gradient[i];
  }
}

float highest_code(int bits) { return static_cast<float>((1 << (bits - 1)) - 1); }

// Of the values that a scale is found for; of equals the positive one.
float signed_extreme(const float* values, Index size) {
  const float highest = lane_max(values, size), lowest = lane_min(values, size);
  return highest >= -lowest ? highest : lowest;
}

}  // namespace

ActivationGrid asymmetric_grid(float lowest, float highest, int bits) {
  constexpr float kLeastScale = 1e-8F;
  const float high = highest_code(bits), scale = std::max((highest - lowest) / (2 * high + 1), kLeastScale);
  return {scale, code(-high - 1 - lowest / scale, high)};
}

float ActivationQuantizer::scale_of(float extreme) const {
  const float highest = highest_code(bits);
  return extreme / (scale == ActivationScale::signed_absmax ? -(highest + 1) : highest);
}

// The extreme times the clip of least squared error, the first of equals.
float ActivationQuantizer::fitted(const float* values, Index size, float extreme) const {
  const float highest = highest_code(bits);
  float best = extreme, least = INFINITY;
  for (const float candidate : kFittedClips) {
    const float step = scale_of(candidate * extreme), inverse = 1 / step;
    if (!std::isfinite(inverse)) break;
    const float squares = lane_fold(  // of the errors in steps
        values, size, 0.0F,
        [&](float sum, float x) {
          const float off = x * inverse - code(x * inverse, highest);
          return sum + off * off;
        },
        [](float a, float b) { return a + b; });
    if (const float error = squares * step * step; error < least) {
      least = error;
      best = candidate * extreme;
    }
  }
  return best;
}

void ActivationQuantizer::find_extremes_of_group(const float* values, Index size, float* extremes) const {
  switch (scale) {
    case ActivationScale::absmax:
      extremes[0] = lane_abs_max(values, size);
      break;
    case ActivationScale::signed_absmax:
      extremes[0] = signed_extreme(values, size);
      break;
    case ActivationScale::minmax:
      extremes[0] = lane_min(values, size);
      extremes[1] = lane_max(values, size);
      break;
    case ActivationScale::fixed:
      break;
  }
  if (fits_clip) extremes[0] = fitted(values, size, extremes[0]);
}

void ActivationQuantizer::find_extremes(const float* token, Index channels, float* extremes) const {
  const Index size = group_size == 0 ? channels : group_size;
  for (Index group = 0; group < groups(channels); ++group) {
    find_extremes_of_group(token + group * size, std::min(size, channels - group * size), extremes);
    extremes += extremes_of_group();
  }
}

ActivationGrid ActivationQuantizer::grid_of_group(const float* extremes) const {
  if (is_symmetric()) return {scale_of(clip * extremes[0]), 0};
  if (scale == ActivationScale::fixed) return grid;
  const float zero = includes_zero ? 0 : extremes[0];
  return asymmetric_grid(std::min(zero, extremes[0]), std::max(zero, extremes[1]), bits);
}

void ActivationQuantizer::apply(float* values, Index first, Index end, const float* extremes) const {
  if (!quantizes()) return;
  const Index size = group_size == 0 ? end : group_size;
  for (Index at = first; at < end;) {
    const Index group = at / size, next = std::min(end, (group + 1) * size);
    const ActivationGrid of_group = grid_of_group(extremes + group * extremes_of_group());
    if (of_group.scale != 0) quantize(values + (at - first), next - at, of_group, highest_code(bits));
    at = next;
  }
}

void ActivationQuantizer::apply(ViewF tokens) const {
  if (!quantizes()) return;
  assert(bits >= 2 && bits <= 8 && clip > 0 && clip <= 1);
  assert(!fits_clip || (clip == 1 && is_symmetric()));
  assert(scale != ActivationScale::fixed || (group_size == 0 && grid.scale > 0));
  const Index channels = tokens.cols();
  std::vector<float> extremes(static_cast<std::size_t>(this->extremes(channels)));
  for (Index token = 0; token < tokens.rows(); ++token) {
    float* values = tokens.data() + token * tokens.outerStride();
    find_extremes(values, channels, extremes.data());
    apply(values, 0, channels, extremes.data());
  }
}

void ActivationQuantizer::backward(const ConstViewF& tokens, ViewF gradient) const {
  if (!quantizes()) return;
  assert(gradient.rows() == tokens.rows() && gradient.cols() == tokens.cols());
  const Index channels = tokens.cols(), size = group_size == 0 ? channels : group_size;
  std::vector<float> extremes(static_cast<std::size_t>(this->extremes(channels)));
  for (Index token = 0; token < tokens.rows(); ++token) {
    const float* values = tokens.data() + token * tokens.outerStride();
    float* result = gradient.data() + token * gradient.outerStride();
    find_extremes(values, channels, extremes.data());
    for (Index group = 0, at = 0; at < channels; ++group, at += size) {
      const ActivationGrid of_group = grid_of_group(extremes.data() + group * extremes_of_group());
      if (of_group.scale == 0) continue;
      stop_clamped(values + at, std::min(size, channels - at), of_group, highest_code(bits), result + at);
    }
  }
}

}  // namespace lrc
