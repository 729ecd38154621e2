// Where the asymmetric grid of some weights lies: the scale and the zero point that they share.
#pragma once

#include <span>

namespace lrc {

/// 2^bits steps of `scale`, the zero among them.
struct AsymmetricRange {
  float scale = 1;     ///< ≥ 1e-8
  int zero_point = 0;  ///< the code of zero: −2^(bits−1) .. 2^(bits−1) − 1
};

/// The least range that holds the weights and zero: s = (max − min)/(2^b − 1), z = round(−min/s) − 2^(b−1).
/// Preconditions (of both): weights are finite, 2 ≤ bits ≤ 8.
AsymmetricRange whole_range(std::span<const float> weights, int bits);

/// Of the ranges i/100 of that one, i = 1 .. 100, each with all 2^b zero points, the one with the least Σ |w −
/// q(w)|^2.4 (LRQ, arXiv 2407.11534, as its public code starts), of equals that with the least i, then the least zero
/// point.
AsymmetricRange least_error_range(std::span<const float> weights, int bits);

}  // namespace lrc
