// The work queue: tasks go to whichever rank is free, the most expensive first. It never knows what a task means.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lrc/mpi/communicator.hpp"

namespace lrc {

struct Task {
  std::string name;
  double cost = 0;  ///< expected work of a rank, in any unit, the same for all tasks
  int ranks = 1;    ///< that do it together
};

/// What a rank did in a queue, for the report.
struct QueueUse {
  double busy_seconds = 0;
  double makespan_seconds = 0;
  double seconds_per_cost = 0;  ///< on rank 0: of the slowest task so far, of earlier queues, too; 0 = none yet
};

/// Does task `task` with the ranks of `team` (itself alone, as a rule), on each of them.
using Work = std::function<void(std::size_t task, const Communicator& team)>;

/// What is finished so far: how many tasks, and their cost.
using QueueProgress = std::function<void(std::size_t done, double cost)>;

/// Runs `work` once for each task, on one of the ranks, or on as many as the task needs: these are the first that are
/// free, and whoever is free while they gather waits for the others, or does a task of one rank where a team that runs
/// must end first. Collective; `tasks` is the same list on every rank, and each needs at most world.size() ranks.
/// Rank 0 hands the tasks out from a thread of its own, so that no rank waits while another computes; a waiting rank
/// sleeps. `on_progress` is called on rank 0 between its own tasks.
///
/// Where `work` throws on a rank, nothing more is handed out, what is in flight elsewhere is finished, and then all
/// ranks throw the error, which names the task; but a rank of a team that throws what its team has not agreed on
/// takes the job down, because the others would wait for it. A task that would not be done before the time limit
/// (interrupt.hpp), judged by the slowest task so far relative to its cost, is not started; where tasks are left for
/// that reason or for an interruption, all ranks throw Interrupted's AgreedError. `seconds_per_cost`: what an earlier
/// queue of tasks with costs in the same unit returned, so that the first tasks are judged, too.
QueueUse run_queue(const Communicator& world, const std::vector<Task>& tasks, const Work& work,
                   const QueueProgress& on_progress = {}, double seconds_per_cost = 0);

/// The order in which tasks are handed out: by falling cost, equal costs in the order of the list.
std::vector<std::size_t> longest_first(const std::vector<Task>& tasks);

}  // namespace lrc
