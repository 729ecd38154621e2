// What of a queue is handed out, to whom, and what is done: kept by rank 0, used by several of its threads.
#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include "lrc/scheduling/queue.hpp"

namespace lrc {

/// What a rank is told: the task, and the ranks that do it together, of which it is one; no task: nothing is left.
struct Assignment {
  static constexpr Index kNone = -1;

  int rank;
  Index task = kNone;
  std::vector<int> team{};
};

class Ledger {
 public:
  /// `tasks` must outlive it; each needs at most `ranks` ranks. `seconds_per_cost`: of the slowest task before; 0 = not
  /// known, and then the first tasks are handed out whatever time is left.
  Ledger(const std::vector<Task>& tasks, int ranks, double seconds_per_cost = 0);

  /// `rank` is free. Returns whom to tell what: the rank gets the most expensive task left that would be done before
  /// the time limit. Where that needs several ranks, the rank waits, and all are told when enough have come; while too
  /// few are outside of running teams for that, it gets the next task for one rank instead. Nothing is left, or would
  /// be done in time, or the queue was stopped or interrupted: it is told so, and those who wait are, too.
  std::vector<Assignment> ask(int rank);

  /// The task is done; once for each task, however many ranks did it.
  void finish(std::size_t task, double seconds);

  /// Nothing more is handed out. Returns what those who wait are to be told.
  std::vector<Assignment> stop();

  std::size_t done() const;
  double done_cost() const;
  double seconds_per_cost() const;
  /// Tasks that were never handed out.
  std::size_t left() const;

 private:
  using Waiting = std::deque<std::size_t>;

  Waiting::iterator next_in_time(int most_ranks);
  int ranks_of(std::size_t task) const { return tasks_[task].ranks; }
  std::vector<Assignment> dismiss_all();

  const std::vector<Task>& tasks_;
  int ranks_;
  mutable std::mutex mutex_;
  Waiting waiting_;            // the most expensive first; this and what follows guarded by mutex_
  std::vector<int> together_;  // ranks that wait until they are enough for the next team
  int in_teams_ = 0;           // ranks that work in teams now
  std::size_t done_ = 0;
  double done_cost_ = 0, seconds_per_cost_;  // of the slowest task so far
};

}  // namespace lrc
