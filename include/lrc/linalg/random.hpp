// Random numbers that depend on a seed, a stream and their place alone, on every platform.
#pragma once

#include <cstdint>
#include <string_view>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// splitmix64 (Steele, Lea, Flood 2014) seeded with mix(seed + mix(stream)), mix being its output function.
class RandomBits {
 public:
  RandomBits(std::uint64_t seed, std::uint64_t stream) : state_(mix(seed + mix(stream))) {}

  /// The next 64 bits.
  std::uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15U); }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

  std::uint64_t state_;
};

/// A stream of its own for a name: its 64-bit FNV-1a hash.
std::uint64_t stream_of(std::string_view name);

/// rows×cols numbers, row after row: bound·(k/2^23 − 1), k uniform in 0 .. 2^24 − 1, the top bits of what comes next.
MatrixF random_uniform(Index rows, Index cols, float bound, RandomBits bits);

}  // namespace lrc
