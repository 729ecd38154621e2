// The work queue: tasks go to whichever rank is free, the most expensive first. It never knows what a task means.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lrc/mpi/communicator.hpp"

namespace lrc {

struct Task {
  std::string name;
  double cost = 0;  ///< expected work, in any unit, the same for all tasks
};

/// What a rank did in a queue, for the report.
struct QueueUse {
  double busy_seconds = 0;
  double makespan_seconds = 0;
};

/// What is finished so far: how many tasks, and their cost.
using QueueProgress = std::function<void(std::size_t done, double cost)>;

/// Runs `work(i)` once for each task i, on one of the ranks. Collective; `tasks` is the same list on every rank.
/// Rank 0 hands the tasks out from a thread of its own, so that no rank waits while another computes; a waiting rank
/// sleeps. `on_progress` is called on rank 0 between its own tasks.
///
/// Where `work` throws on a rank, nothing more is handed out, what is in flight elsewhere is finished, and then all
/// ranks throw the error, which names the task. A task that would not be done before the time limit (interrupt.hpp),
/// judged by the slowest task so far relative to its cost, is not started; where tasks are left for that reason or for
/// an interruption, all ranks throw Interrupted's AgreedError.
QueueUse run_queue(const Communicator& world, const std::vector<Task>& tasks,
                   const std::function<void(std::size_t)>& work, const QueueProgress& on_progress = {});

/// The order in which tasks are handed out: by falling cost, equal costs in the order of the list.
std::vector<std::size_t> longest_first(const std::vector<Task>& tasks);

}  // namespace lrc
