// What is summed of every channel on its own, over the tokens of one unit of work.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/forward/activation_quantizer.hpp"

namespace lrc {

struct ChannelSums {
  explicit ChannelSums(Index channels);

  VectorD x, xx, xy, yy;  ///< Σ x, Σ x², Σ xy and Σ y²: d each
};

/// Of x and y, both tokens×d. Channels are shared among threads, each channel's tokens are added in their order.
ChannelSums channel_sums(Execution& exec, const ConstViewF& x, const ConstViewF& y);

/// Of x (tokens×d) and y = Q_a(x), which is never stored.
ChannelSums channel_sums(Execution& exec, const ConstViewF& x, const ActivationQuantizer& quantizer);

}  // namespace lrc
