// Random numbers that are the same on every platform.
#pragma once

#include <cstdint>

namespace lrc {

/// splitmix64 (Steele, Lea, Flood 2014). The numbers follow from (seed, stream) alone: its state starts at
/// mix(seed + mix(stream)), mix being its output function.
class SplitMix {
 public:
  SplitMix(std::uint64_t seed, std::uint64_t stream) : state_(mix(seed + mix(stream))) {}

  /// 64 random bits.
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    return mix(state_);
  }
  /// From 0 to before `end`, for `end` far below 2^64.
  std::uint64_t below(std::uint64_t end) { return next() % end; }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

  std::uint64_t state_;
};

}  // namespace lrc
