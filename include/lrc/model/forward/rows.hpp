// Rows are tokens: what is done to each on its own is shared among threads a tile of rows at a time.
#pragma once

#include <algorithm>

#include "lrc/core/execution.hpp"
#include "lrc/core/types.hpp"

namespace lrc {

inline constexpr Index kRowTile = 64;

/// Calls row(r) for all rows.
template <class Row>
void for_each_row(Execution& exec, Index rows, const Row& row) {
  exec.for_each(ceil_div(rows, kRowTile), [&](Index tile) {
    const Index end = std::min(rows, (tile + 1) * kRowTile);
    for (Index r = tile * kRowTile; r < end; ++r) row(r);
  });
}

}  // namespace lrc
