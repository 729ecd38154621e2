// The activation quantizer Q_a: what runs at run time and what calibration measures is this one piece of code.
#pragma once

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// Symmetric, dynamic, per token or per group of channels of a token: scale = clip·absmax / (2^(bits−1) − 1),
/// codes rounded half to even and clamped to [−2^(bits−1), 2^(bits−1) − 1].
/// clip 14/15 at 4 bits is the scale absmax/7.5 of compressed-tensors.
struct ActivationQuantizer {
  int bits = 4;          ///< 2..8; 16 leaves activations as they are
  float clip = 0.9F;     ///< (0, 1]
  Index group_size = 0;  ///< channels that share a scale; 0 = the whole token

  bool quantizes() const { return bits < 16; }

  /// Fake quantization: each row (a token's inputs) becomes codes·scale.
  void apply(ViewF tokens) const;

  /// In two halves, for more than one clip: the largest magnitudes of the groups of a token's `channels` inputs ...
  Index groups(Index channels) const { return group_size == 0 ? 1 : ceil_div(channels, group_size); }
  void find_largest(const float* token, Index channels, float* largest) const;
  /// ... and the fake quantization of its channels [first, end) with a clip other than `clip`: values[0 … end − first).
  void apply(float* values, Index first, Index end, const float* largest, float other_clip) const;
};

}  // namespace lrc
