// What of a queue is handed out, what is done: kept by rank 0, used by several of its threads.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "lrc/scheduling/queue.hpp"

namespace lrc {

class Ledger {
 public:
  /// `tasks` must outlive it.
  explicit Ledger(const std::vector<Task>& tasks);

  /// The next task: the most expensive one left that would be done before the time limit. None: nothing is left, or
  /// nothing would be done in time, or the queue was stopped or interrupted.
  std::optional<std::size_t> take();

  void finish(std::size_t task, double seconds);

  /// Nothing more is handed out.
  void stop();

  std::size_t done() const;
  double done_cost() const;
  /// Tasks that were never handed out.
  std::size_t left() const;

 private:
  const std::vector<Task>& tasks_;
  mutable std::mutex mutex_;
  std::deque<std::size_t> waiting_;  // the most expensive first; this and what follows guarded by mutex_
  std::size_t done_ = 0;
  double done_cost_ = 0, seconds_per_cost_ = 0;  // of the slowest task so far
};

}  // namespace lrc
