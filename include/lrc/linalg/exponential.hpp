// exp(x) in plain arithmetic, so that loops over it become vector instructions and give the same bits everywhere.
#pragma once

#include <bit>
#include <cstdint>

namespace lrc {

/// exp(x) to 2 units in the last place; x is clamped to [−87, 88], where the result stays a normal float.
/// x = k·ln 2 + r with |r| ≤ ln 2 / 2; exp(r) by its Taylor polynomial of degree 7; 2^k put into the exponent's bits.
inline float exponential(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5·2^23: adding it rounds to an integer
  x = x > 88.0F ? 88.0F : x;
  x = x < -87.0F ? -87.0F : x;
  const float k = (x * 1.44269504F + kRound) - kRound;
  const float r = (x - k * 0.693359375F) + k * 2.12194440e-4F;  // ln 2 in two parts, the first exact in k·
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
}

}  // namespace lrc
