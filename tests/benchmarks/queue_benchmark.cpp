// Overhead of the work queue, with tasks that do nothing, and its load balance, with tasks that sleep:
// mpirun -n N queue_benchmark. Sleeping tasks need no core, so more ranks than cores are measured fairly, and whatever
// processor time a rank takes then is the queue's.
#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <thread>

#include "lrc/mpi/session.hpp"
#include "lrc/scheduling/queue.hpp"

namespace lrc {
namespace {

constexpr std::size_t kEmptyTasks = 4000;
constexpr int kTasksPerRank = 8;

// Durations as solves have them: seven linears a block, of which one takes far longer than the others.
std::vector<Task> uneven_tasks(int ranks) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> spread(0.9, 1.1);
  std::vector<Task> tasks;
  for (int i = 0; i < kTasksPerRank * ranks; ++i) {
    const double seconds = (i % 7 == 6 ? 0.4 : i % 7 >= 4 ? 0.1 : 0.05) * spread(random);
    tasks.push_back({fmt::format("task {}", i), seconds});
  }
  return tasks;
}

void measure(const Communicator& world) {
  // Rank 0 sleeps in its tasks: the others, which have to ask for theirs, do nearly all of them.
  const std::vector<Task> empty(kEmptyTasks, {"empty", 1});
  const QueueUse overhead = run_queue(world, empty, [&](std::size_t, const Communicator&) {
    if (world.is_root() && world.size() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  const int asking = std::max(1, world.size() - 1);

  const std::vector<Task> tasks = uneven_tasks(world.size());
  const std::clock_t start = std::clock();
  const QueueUse use = run_queue(world, tasks, [&](std::size_t i, const Communicator&) {
    std::this_thread::sleep_for(std::chrono::duration<double>(tasks[i].cost));
  });
  const double awake = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / use.makespan_seconds;
  const double most_awake = world.max(awake);
  std::vector<double> busy{use.busy_seconds};
  const double longest = world.max(use.makespan_seconds);
  world.sum_in_place(busy);
  if (!world.is_root()) return;
  fmt::print(
      "{} ranks: {:.3f} ms an empty task on each asking rank; {} uneven tasks: busy time / (ranks × makespan) = "
      "{:.3f}, and {:.1f} % of a core on a rank that waits\n",
      world.size(), 1e3 * overhead.makespan_seconds * asking / static_cast<double>(kEmptyTasks), tasks.size(),
      busy[0] / (world.size() * longest), 100 * most_awake);
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  return lrc::run_with_mpi(argc, argv, [] { lrc::measure(lrc::Communicator()); });
}
