#include "lrc/core/parallel.hpp"

#include <atomic>
#include <cassert>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/core/interrupt.hpp"

namespace lrc {

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work_came, work_done;
  std::vector<std::jthread> workers;

  // One call of for_each; guarded by `mutex`, but for `next`, which the threads race for.
  const std::function<void(Index)>* tile = nullptr;
  Index tiles = 0;
  std::atomic<Index> next{0};
  std::exception_ptr failure;
  std::uint64_t round = 0;
  int busy = 0;
  bool stop = false;

  // Before `workers` are joined, be it because one of them could not be made.
  ~State() {
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    work_came.notify_all();
  }

  void run_tiles() {
    for (Index i = next++; i < tiles; i = next++) {
      try {
        check_interruption();
        (*tile)(i);
      } catch (...) {
        std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = tiles;
      }
    }
  }

  void work() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      work_came.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      lock.unlock();
      run_tiles();
      lock.lock();
      if (--busy == 0) work_done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  assert(threads >= 1);
  for (int i = 1; i < threads; ++i) {
    try {
      state_->workers.emplace_back([state = state_.get()] { state->work(); });
    } catch (const std::system_error& error) {
      throw CallError("pthread_create", fmt::format("{} for thread {} of {}; take fewer threads, or raise the limit "
                                                    "of processes or of memory (ulimit -u, -v)",
                                                    error.code().message(), i + 1, threads));
    }
  }
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const noexcept { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::for_each(Index tiles, const std::function<void(Index)>& tile) {
  State& state = *state_;
  {
    std::lock_guard lock(state.mutex);
    assert(state.busy == 0);
    state.tile = &tile;
    state.tiles = tiles;
    state.next = 0;
    state.failure = nullptr;
    state.busy = static_cast<int>(state.workers.size());
    ++state.round;
  }
  state.work_came.notify_all();
  state.run_tiles();
  std::unique_lock lock(state.mutex);
  state.work_done.wait(lock, [&] { return state.busy == 0; });
  if (state.failure) std::rethrow_exception(state.failure);
}

}  // namespace lrc
