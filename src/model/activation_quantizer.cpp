#include "lrc/model/activation_quantizer.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

#include "lrc/linalg/lanes.hpp"

namespace lrc {
namespace {

// Adding and taking away 1.5·2^23 rounds a float below 2^22 to the nearest integer, ties to even, in any vector width.
constexpr float kRound = 12582912.0F;

void quantize(float* values, Index size, float scale, float highest) {
  const float lowest = -highest - 1;
  for (Index i = 0; i < size; ++i) {
    const float clamped = std::min(highest, std::max(lowest, values[i] / scale));
    values[i] = ((clamped + kRound) - kRound) * scale;
  }
}

float highest_code(int bits) { return static_cast<float>((1 << (bits - 1)) - 1); }

}  // namespace

void ActivationQuantizer::find_largest(const float* token, Index channels, float* largest) const {
  const Index size = group_size == 0 ? channels : group_size;
  for (Index group = 0; group < groups(channels); ++group)
    largest[group] = lane_abs_max(token + group * size, std::min(size, channels - group * size));
}

void ActivationQuantizer::apply(float* values, Index first, Index end, const float* largest, float other_clip) const {
  if (!quantizes()) return;
  const float highest = highest_code(bits);
  const Index size = group_size == 0 ? end : group_size;
  for (Index at = first; at < end;) {
    const Index next = std::min(end, (at / size + 1) * size);
    const float scale = other_clip * largest[at / size] / highest;
    if (scale > 0) quantize(values + (at - first), next - at, scale, highest);
    at = next;
  }
}

void ActivationQuantizer::apply(ViewF tokens) const {
  if (!quantizes()) return;
  assert(bits >= 2 && bits <= 8 && clip > 0 && clip <= 1);
  const Index channels = tokens.cols();
  std::vector<float> largest(static_cast<std::size_t>(groups(channels)));  // one a group
  for (Index token = 0; token < tokens.rows(); ++token) {
    float* values = tokens.data() + token * tokens.outerStride();
    find_largest(values, channels, largest.data());
    apply(values, 0, channels, largest.data(), clip);
  }
}

}  // namespace lrc
