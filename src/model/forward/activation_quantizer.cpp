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

void quantize(float* values, Index size, float scale, float highest) {
  for (Index i = 0; i < size; ++i) values[i] = code(values[i] / scale, highest) * scale;
}

// Zero where the nearest code is none that there is.
void stop_clamped(const float* values, Index size, float scale, float highest, float* gradient) {
  for (Index i = 0; i < size; ++i) {
    const float nearest = (values[i] / scale + kRound) - kRound;
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

float ActivationQuantizer::scale_of(float extreme) const {
  const float highest = highest_code(bits);
  return extreme / (is_signed ? -(highest + 1) : highest);
}

// The extreme times the clip of least squared error, the first of equals.
float ActivationQuantizer::fitted(const float* values, Index size, float extreme) const {
  const float highest = highest_code(bits);
  float best = extreme, least = INFINITY;
  for (const float candidate : kFittedClips) {
    const float scale = scale_of(candidate * extreme), inverse = 1 / scale;
    if (!std::isfinite(inverse)) break;
    const float steps = lane_fold(  // squared error in units of the scale
        values, size, 0.0F,
        [&](float sum, float x) {
          const float off = x * inverse - code(x * inverse, highest);
          return sum + off * off;
        },
        [](float a, float b) { return a + b; });
    if (const float error = steps * scale * scale; error < least) {
      least = error;
      best = candidate * extreme;
    }
  }
  return best;
}

void ActivationQuantizer::find_extremes(const float* token, Index channels, float* extremes) const {
  const Index size = group_size == 0 ? channels : group_size;
  for (Index group = 0; group < groups(channels); ++group) {
    const float* values = token + group * size;
    const Index count = std::min(size, channels - group * size);
    const float extreme = is_signed ? signed_extreme(values, count) : lane_abs_max(values, count);
    extremes[group] = fits_clip ? fitted(values, count, extreme) : extreme;
  }
}

void ActivationQuantizer::apply(float* values, Index first, Index end, const float* extremes) const {
  if (!quantizes()) return;
  const Index size = group_size == 0 ? end : group_size;
  for (Index at = first; at < end;) {
    const Index next = std::min(end, (at / size + 1) * size);
    const float scale = scale_of(clip * extremes[at / size]);
    if (scale != 0) quantize(values + (at - first), next - at, scale, highest_code(bits));
    at = next;
  }
}

void ActivationQuantizer::apply(ViewF tokens) const {
  if (!quantizes()) return;
  assert(bits >= 2 && bits <= 8 && clip > 0 && clip <= 1 && (!fits_clip || clip == 1));
  const Index channels = tokens.cols();
  std::vector<float> extremes(static_cast<std::size_t>(groups(channels)));  // one a group
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
  std::vector<float> extremes(static_cast<std::size_t>(groups(channels)));  // one a group
  for (Index token = 0; token < tokens.rows(); ++token) {
    const float* values = tokens.data() + token * tokens.outerStride();
    float* result = gradient.data() + token * gradient.outerStride();
    find_extremes(values, channels, extremes.data());
    for (Index group = 0, at = 0; at < channels; ++group, at += size) {
      const float scale = scale_of(clip * extremes[group]);
      if (scale == 0) continue;
      stop_clamped(values + at, std::min(size, channels - at), scale, highest_code(bits), result + at);
    }
  }
}

}  // namespace lrc
