// Sizes are 64 bits everywhere; what BLAS and MPI take is 32 bits and is checked at the call.
#pragma once

#include <cstdint>
#include <limits>
#include <source_location>
#include <type_traits>

#include "lrc/core/error.hpp"

namespace lrc {

using Index = std::int64_t;

/// `value` as a To. Throws Error, naming the place of the call, where it does not fit.
template <class To, class From>
To narrow(From value, std::source_location where = std::source_location::current()) {
  static_assert(std::is_integral_v<To> && std::is_integral_v<From>);
  const auto result = static_cast<To>(value);
  if (static_cast<From>(result) != value || ((result < To{}) != (value < From{}))) {
    throw Error(fmt::format("{}:{}: {} does not fit {} bits", where.file_name(), where.line(), value, 8 * sizeof(To)));
  }
  return result;
}

/// a / b, rounded up. Precondition: a >= 0, b > 0.
constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

/// How wide tiles are that cut `size` into as few as tiles of at most `largest` (a multiple of 16) can, and evenly: a
/// narrow last tile would keep BLAS from its speed. A multiple of 16. Precondition: size > 0.
constexpr Index even_tile(Index size, Index largest) {
  return ceil_div(ceil_div(size, ceil_div(size, largest)), 16) * 16;
}

}  // namespace lrc
