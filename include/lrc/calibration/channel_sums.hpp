// What is summed of every channel on its own, over the tokens of one unit of work.
#pragma once

#include <span>
#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/activation_quantizer.hpp"

namespace lrc {

struct ChannelSums {
  explicit ChannelSums(Index channels);

  VectorD x, xx, xy, yy;  ///< Σ x, Σ x², Σ xy and Σ y²: d each
};

/// Of x and y, both tokens×d. Channels are shared among threads, each channel's tokens are added in their order.
ChannelSums channel_sums(Execution& exec, const ConstViewF& x, const ConstViewF& y);

/// Of x and y = Q_a(x), for each of these clips instead of the quantizer's own: x (tokens×d) is read once, and y is
/// never stored.
std::vector<ChannelSums> channel_sums(Execution& exec, const ConstViewF& x, const ActivationQuantizer& quantizer,
                                      std::span<const float> clips);

}  // namespace lrc
