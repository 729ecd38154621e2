// The activation quantizer Q_a: what runs at run time and what calibration measures is this one piece of code.
#pragma once

#include <array>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// Dynamic, per token or per group of channels of a token, codes rounded half to even and clamped to
/// [−2^(bits−1), 2^(bits−1) − 1]. The scale is clip·absmax / (2^(bits−1) − 1); clip 14/15 at 4 bits is the absmax/7.5
/// of compressed-tensors. Two things make the most of the codes there are, at no bits and without another kernel:
///  - a signed scale, −clip·e / 2^(bits−1) for the channel e of largest magnitude, gives that one the code −2^(bits−1),
///    which a positive scale leaves unused half of the time;
///  - `fits_clip`: instead of one ratio for all, each scale takes the one of kFittedClips with the least squared error.
struct ActivationQuantizer {
  int bits = 4;            ///< 2..8; 16 leaves activations as they are
  float clip = 0.9F;       ///< (0, 1]; 1 where it is fitted
  Index group_size = 0;    ///< channels that share a scale; 0 = the whole token
  bool is_signed = false;  ///< a scale has a sign
  bool fits_clip = false;  ///< at run time, for each scale

  static constexpr std::array<float, 5> kFittedClips{1.0F, 0.9F, 0.8F, 0.7F, 0.6F};

  bool operator==(const ActivationQuantizer&) const = default;

  bool quantizes() const { return bits < 16; }

  /// Fake quantization: each row (a token's inputs) becomes codes·scale.
  void apply(ViewF tokens) const;

  /// The gradient of `tokens`, what apply read, from that of what it gave, in place: it passes straight through where a
  /// code was not clamped, and is 0 where it was; the scales are held fixed.
  void backward(const ConstViewF& tokens, ViewF gradient) const;

  /// In two halves, for parts of the channels: the extremes of the groups of a token's `channels` inputs, which are
  /// their largest magnitudes, signed where scales are, and times the clip where that is fitted ...
  Index groups(Index channels) const { return group_size == 0 ? 1 : ceil_div(channels, group_size); }
  void find_extremes(const float* token, Index channels, float* extremes) const;
  /// ... and the fake quantization of its channels [first, end) : values[0 … end − first).
  void apply(float* values, Index first, Index end, const float* extremes) const;

 private:
  float scale_of(float extreme) const;
  float fitted(const float* values, Index size, float extreme) const;
};

}  // namespace lrc
