#include "lrc/scheduling/queue.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <thread>

#include "lrc/core/interrupt.hpp"
#include "lrc/mpi/session.hpp"
#include "lrc/scheduling/ledger.hpp"

namespace lrc {
namespace {

using std::chrono::microseconds;

constexpr int kRequestTag = 1, kTaskTag = 2;
constexpr Index kNone = -1;
constexpr microseconds kPause{200};

// What a rank tells rank 0 when it asks for its next task. Sent as bytes: all ranks run the same program.
struct Request {
  Index finished = kNone;  // the task it has just done
  double seconds = 0;      // that took
  bool failed = false;     // its last task failed: nothing more shall be handed out
};

Index answer(Ledger& ledger, const Request& request) {
  if (request.failed) ledger.stop();
  if (request.finished != kNone) ledger.finish(static_cast<std::size_t>(request.finished), request.seconds);
  const std::optional<std::size_t> task = ledger.take();
  return task ? static_cast<Index>(*task) : kNone;
}

// Answers the requests of the other ranks until each has been told that nothing is left for it.
void serve(MPI_Comm handle, int others, Ledger& ledger) {
  while (others > 0) {
    int waiting = 0;
    MPI_Status status;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kRequestTag, handle, &waiting, &status), "MPI_Iprobe");
    if (waiting == 0) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    Request request;
    check_mpi(MPI_Recv(&request, sizeof request, MPI_BYTE, status.MPI_SOURCE, kRequestTag, handle, MPI_STATUS_IGNORE),
              "MPI_Recv");
    const Index task = answer(ledger, request);
    check_mpi(MPI_Send(&task, 1, MPI_INT64_T, status.MPI_SOURCE, kTaskTag, handle), "MPI_Send");
    if (task == kNone) --others;
  }
}

// The ledger as a rank sees it: its own on rank 0, which also serves the others; by messages elsewhere.
class Desk {
 public:
  Desk(const Communicator& world, Ledger& ledger) : world_(world), ledger_(ledger) {
    if (world.is_root()) server_ = std::thread([this] { serve_others(); });
  }
  /// On rank 0, returns when every rank has been told that nothing is left for it.
  ~Desk() {
    if (server_.joinable()) server_.join();
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  Index next(const Request& request) { return world_.is_root() ? answer(ledger_, request) : ask(request); }

 private:
  void serve_others() try { serve(world_.handle(), world_.size() - 1, ledger_); } catch (const Error& error) {
    abort_job(error);  // without a server the other ranks would wait for ever
  }

  Index ask(const Request& request) const {
    Index task = kNone;
    MPI_Request reply;
    check_mpi(MPI_Irecv(&task, 1, MPI_INT64_T, 0, kTaskTag, world_.handle(), &reply), "MPI_Irecv");
    check_mpi(MPI_Send(&request, sizeof request, MPI_BYTE, 0, kRequestTag, world_.handle()), "MPI_Send");
    wait_asleep(reply, kPause);
    return task;
  }

  const Communicator& world_;
  Ledger& ledger_;
  std::thread server_;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Returns the seconds of the task. Errors get its name.
double run_task(const Task& task, std::size_t index, const std::function<void(std::size_t)>& work) {
  const auto start = std::chrono::steady_clock::now();
  try {
    work(index);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", task.name, error.what()), error.code());
  } catch (const std::exception& error) {
    throw Error(fmt::format("{}: {}", task.name, error.what()));
  }
  return seconds_since(start);
}

// This rank's part: one task after the other. Returns its busy seconds.
double work_off(Desk& desk, const std::vector<Task>& tasks, const std::function<void(std::size_t)>& work,
                const std::function<void()>& after_task) {
  double busy = 0;
  Request request;
  for (Index task = desk.next(request); task != kNone; task = desk.next(request)) {
    const auto index = static_cast<std::size_t>(task);
    try {
      request = {.finished = task, .seconds = run_task(tasks[index], index, work)};
    } catch (...) {
      desk.next({.failed = true});
      throw;
    }
    busy += request.seconds;
    after_task();
  }
  return busy;
}

}  // namespace

std::vector<std::size_t> longest_first(const std::vector<Task>& tasks) {
  std::vector<std::size_t> order(tasks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return tasks[a].cost > tasks[b].cost; });
  return order;
}

QueueUse run_queue(const Communicator& world, const std::vector<Task>& tasks,
                   const std::function<void(std::size_t)>& work, const QueueProgress& on_progress) {
  const auto start = std::chrono::steady_clock::now();
  QueueUse use;
  Ledger ledger(tasks);  // used on rank 0
  world.agree([&] {
    {
      Desk desk(world, ledger);
      use.busy_seconds = work_off(desk, tasks, work, [&] {
        if (world.is_root() && on_progress) on_progress(ledger.done(), ledger.done_cost());
      });
    }
    if (!world.is_root() || ledger.left() == 0) return;
    check_interruption();
    throw Interrupted(
        fmt::format("{} tasks would not be done before the time limit; what is committed stays: run "
                    "again to go on",
                    ledger.left()));
  });
  use.makespan_seconds = seconds_since(start);
  return use;
}

}  // namespace lrc
