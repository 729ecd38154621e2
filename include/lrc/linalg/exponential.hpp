// exp(x) in plain arithmetic, so that loops over it become vector instructions and give the same bits everywhere.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace lrc {

/// exp(x) to 2 units in the last place; x is clamped to [−87, 88], where the result stays a normal float. No number
/// gives none.
/// x = k·ln 2 + r with |r| ≤ ln 2 / 2; exp(r) by its Taylor polynomial of degree 7; 2^k put into the exponent's bits.
inline float exponential(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5·2^23: adding it rounds to an integer
  constexpr auto kHighest = std::bit_cast<std::int32_t>(88.0F);
  constexpr auto kLowest = std::bit_cast<std::uint32_t>(-87.0F), kInfinite = std::bit_cast<std::uint32_t>(INFINITY);
  // Clamped as integers, which floats of one sign are ordered as: of branches on floats GCC makes no vectors.
  const auto bits = std::bit_cast<std::int32_t>(x);
  const auto below = static_cast<std::uint32_t>(bits < kHighest ? bits : kHighest);
  const auto y = std::bit_cast<float>(below < kLowest ? below : kLowest);
  const float k = (y * 1.44269504F + kRound) - kRound;
  const float r = (y - k * 0.693359375F) + k * 2.12194440e-4F;  // ln 2 in two parts, the first exact in k·
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const float result = p * std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
  const bool is_number = (static_cast<std::uint32_t>(bits) & 0x7FFFFFFFU) <= kInfinite;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(result) | (static_cast<std::uint32_t>(is_number) - 1U));
}

}  // namespace lrc
