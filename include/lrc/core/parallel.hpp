// The compute threads of one rank. Work is cut into tiles whose number and shape never depend on the number of threads;
// threads only take different tiles, so results are the same bits on any number of threads.
#pragma once

#include <functional>
#include <memory>

#include "lrc/core/types.hpp"

namespace lrc {

class ThreadPool {
 public:
  /// `threads` >= 1, the calling thread included. Throws CallError where the system gives no more threads.
  explicit ThreadPool(int threads = 1);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept;

  /// Calls tile(0) ... tile(tiles - 1), each once, on the pool's threads, in no particular order, and waits for all.
  /// The first exception of a tile is rethrown here, and tiles not yet started are then skipped. Throws Interrupted
  /// where an interruption is requested before a tile starts.
  /// Not to be called from within a tile.
  void for_each(Index tiles, const std::function<void(Index)>& tile);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lrc
