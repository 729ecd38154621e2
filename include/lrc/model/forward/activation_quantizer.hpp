// The activation quantizer Q_a: what runs at run time and what calibration measures is this one piece of code.
#pragma once

#include <array>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// x becomes (code − zero_point)·scale, code = x / scale + zero_point, clamped and rounded half to even, of the
/// integers −2^(bits−1) … 2^(bits−1) − 1.
struct ActivationGrid {
  float scale = 1;
  float zero_point = 0;  ///< a code

  bool operator==(const ActivationGrid&) const = default;
};

/// The asymmetric grid of `bits` from `lowest` to `highest`: scale = (highest − lowest) / (2^bits − 1), at least 1e-8,
/// and the zero point, −2^(bits−1) − lowest / scale, rounded and clamped to the codes (arXiv 2407.11534; it is what
/// compressed-tensors computes, too). Where 0 is not between them, what lies beyond the codes is cut off.
ActivationGrid asymmetric_grid(float lowest, float highest, int bits);

/// What a scale follows from.
enum class ActivationScale {
  absmax,         ///< symmetric: clip·absmax / (2^(bits−1) − 1)
  signed_absmax,  ///< symmetric: −clip·e / 2^(bits−1), e what is largest in magnitude, with its sign
  minmax,         ///< asymmetric, of the least and the greatest
  fixed,          ///< none of its inputs: one grid for all of them
};

/// Per token or per group of channels of a token, at run time; or by a grid for all that was found before. Codes are
/// rounded half to even and clamped to [−2^(bits−1), 2^(bits−1) − 1]. clip 14/15 at 4 bits is the absmax/7.5 of
/// compressed-tensors. Two things make the most of symmetric codes, at no bits and without another kernel:
///  - a signed scale gives what is largest in magnitude the code −2^(bits−1), which a positive scale leaves unused half
///    of the time;
///  - `fits_clip`: instead of one ratio for all, each scale takes the one of kFittedClips with the least squared error.
struct ActivationQuantizer {
  int bits = 4;          ///< 2..8; 16 leaves activations as they are
  float clip = 0.9F;     ///< (0, 1]; 1 where it is fitted; of symmetric scales
  Index group_size = 0;  ///< channels that share a scale; 0 = the whole token
  ActivationScale scale = ActivationScale::absmax;
  bool fits_clip = false;      ///< at run time, for each scale
  bool includes_zero = false;  ///< of minmax: 0 is taken to be among the values, as compressed-tensors does
  ActivationGrid grid{};       ///< of fixed

  static constexpr std::array<float, 5> kFittedClips{1.0F, 0.9F, 0.8F, 0.7F, 0.6F};

  bool operator==(const ActivationQuantizer&) const = default;

  bool quantizes() const { return bits < 16; }
  bool is_symmetric() const { return scale == ActivationScale::absmax || scale == ActivationScale::signed_absmax; }

  /// Fake quantization: each row (a token's inputs) becomes codes·scale.
  void apply(ViewF tokens) const;

  /// The gradient of `tokens`, what apply read, from that of what it gave, in place: it passes straight through where a
  /// code was not clamped, and is 0 where it was; the scales are held fixed.
  void backward(const ConstViewF& tokens, ViewF gradient) const;

  /// In two halves, for parts of the channels: the extremes of the groups of a token's `channels` inputs, group by
  /// group. They are the largest magnitude, signed where scales are, and times the clip where that is fitted; of minmax
  /// the least and the greatest; of fixed none ...
  Index extremes(Index channels) const { return extremes_of_group() * groups(channels); }
  void find_extremes(const float* token, Index channels, float* extremes) const;
  /// ... and the fake quantization of its channels [first, end) : values[0 … end − first).
  void apply(float* values, Index first, Index end, const float* extremes) const;

 private:
  Index groups(Index channels) const { return group_size == 0 ? 1 : ceil_div(channels, group_size); }
  Index extremes_of_group() const { return scale == ActivationScale::fixed ? 0 : is_symmetric() ? 1 : 2; }
  void find_extremes_of_group(const float* values, Index size, float* extremes) const;
  /// Its scale is 0 where the group is left as it is.
  ActivationGrid grid_of_group(const float* extremes) const;
  float scale_of(float extreme) const;
  float fitted(const float* values, Index size, float extreme) const;
};

/// Of the KV cache, for keys and values as their linears give them: asymmetric, of all of a token's channels together;
/// 16 bits leave them as they are.
constexpr ActivationQuantizer kv_quantizer(int bits) {
  return {.bits = bits, .clip = 1, .scale = ActivationScale::minmax};
}

}  // namespace lrc
