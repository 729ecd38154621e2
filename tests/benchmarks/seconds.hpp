// How long something takes.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace lrc {

/// Of the fastest of a few calls.
template <class Work>
double seconds(const Work& work, int times = 5) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace lrc
