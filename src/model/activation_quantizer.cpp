#include "lrc/model/activation_quantizer.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/linalg/lanes.hpp"

namespace lrc {
namespace {

// Adding and taking away 1.5·2^23 rounds a float below 2^22 to the nearest integer, ties to even, in any vector width.
constexpr float kRound = 12582912.0F;

void quantize(float* values, Index size, float clip, float lowest, float highest) {
  const float scale = clip * lane_abs_max(values, size) / highest;
  if (!(scale > 0)) return;
  for (Index i = 0; i < size; ++i) {
    const float clamped = std::min(highest, std::max(lowest, values[i] / scale));
    values[i] = ((clamped + kRound) - kRound) * scale;
  }
}

}  // namespace

void ActivationQuantizer::apply(ViewF tokens) const {
  if (!quantizes()) return;
  assert(bits >= 2 && bits <= 8 && clip > 0 && clip <= 1);
  const Index channels = tokens.cols(), group = group_size == 0 ? channels : group_size;
  const auto highest = static_cast<float>((1 << (bits - 1)) - 1);
  for (Index token = 0; token < tokens.rows(); ++token) {
    for (Index first = 0; first < channels; first += group) {
      quantize(&tokens(token, first), std::min(group, channels - first), clip, -highest - 1, highest);
    }
  }
}

}  // namespace lrc
