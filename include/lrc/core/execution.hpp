// What a rank computes with: its threads, and a device where there is one. Whatever computes takes it first.
#pragma once

#include "lrc/core/parallel.hpp"

namespace lrc {

class Execution {
 public:
  /// Throws CallError as ThreadPool does. Precondition: threads ≥ 1.
  explicit Execution(int threads = 1) : pool_(threads) {}

  int threads() const noexcept { return pool_.threads(); }
  /// See ThreadPool::for_each.
  void for_each(Index tiles, const std::function<void(Index)>& tile) { pool_.for_each(tiles, tile); }

 private:
  ThreadPool pool_;
};

}  // namespace lrc
