#include "lrc/scheduling/queue.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/core/units.hpp"
#include "lrc/mpi/session.hpp"
#include "lrc/scheduling/ledger.hpp"

namespace lrc {
namespace {

using std::chrono::microseconds;

constexpr int kRequestTag = 1, kTaskTag = 2, kTeamTag = 3;
constexpr microseconds kShortestPause{200};

// What a rank tells rank 0 when it asks for its next task. Sent as bytes: all ranks run the same program.
struct Request {
  Index finished = Assignment::kNone;  // the task it has just done, told by the first of its team
  double seconds = 0;                  // that took
  bool failed = false;                 // its last task failed: nothing more shall be handed out
};

// The ledger as a rank sees it: its own on rank 0, which also serves the others; by messages elsewhere.
class Desk {
 public:
  Desk(const Communicator& world, Ledger& ledger) : world_(world), ledger_(ledger), others_(world.size() - 1) {
    if (world.is_root()) server_ = std::thread([this] { serve_others(); });
  }
  /// On rank 0, returns when every rank has been told that nothing is left for it.
  ~Desk() {
    if (server_.joinable()) server_.join();
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  Assignment next(const Request& request) { return world_.is_root() ? ask_myself(request) : ask(request); }

 private:
  void answer(int rank, const Request& request) {
    if (request.failed) tell(ledger_.stop());
    if (request.finished != Assignment::kNone)
      ledger_.finish(static_cast<std::size_t>(request.finished), request.seconds);
    tell(ledger_.ask(rank));
  }

  // As a message: the task, then its team.
  void tell(const std::vector<Assignment>& assignments) {
    for (const Assignment& one : assignments) {
      if (one.rank == 0) {
        const std::lock_guard lock(mutex_);
        mine_ = one;
        told_.notify_one();
        continue;
      }
      std::vector<Index> message{one.task};
      message.insert(message.end(), one.team.begin(), one.team.end());
      check_mpi(MPI_Send(message.data(), narrow<int>(message.size()), MPI_INT64_T, one.rank, kTaskTag, world_.handle()),
                "MPI_Send");
      if (one.task == Assignment::kNone) --others_;
    }
  }

  void serve_others() try {
    Pause pause(kShortestPause);
    while (others_ > 0) {
      int waiting = 0;
      MPI_Status status;
      check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kRequestTag, world_.handle(), &waiting, &status), "MPI_Iprobe");
      if (waiting == 0) {
        pause.sleep();
        continue;
      }
      pause = Pause(kShortestPause);
      Request request;
      check_mpi(MPI_Recv(&request, sizeof request, MPI_BYTE, status.MPI_SOURCE, kRequestTag, world_.handle(),
                         MPI_STATUS_IGNORE),
                "MPI_Recv");
      answer(status.MPI_SOURCE, request);
    }
  } catch (const Error& error) {
    abort_job(error);  // without a server the other ranks would wait for ever
  }

  Assignment ask_myself(const Request& request) {
    answer(0, request);
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return mine_.has_value(); });
    return *std::exchange(mine_, std::nullopt);
  }

  Assignment ask(const Request& request) const {
    std::vector<Index> message(static_cast<std::size_t>(world_.size()) + 1, Assignment::kNone);
    MPI_Request reply;
    check_mpi(MPI_Irecv(message.data(), narrow<int>(message.size()), MPI_INT64_T, 0, kTaskTag, world_.handle(), &reply),
              "MPI_Irecv");
    check_mpi(MPI_Send(&request, sizeof request, MPI_BYTE, 0, kRequestTag, world_.handle()), "MPI_Send");
    wait_asleep(reply, Pause(kShortestPause));
    Assignment mine{.rank = world_.rank(), .task = message[0]};
    for (std::size_t i = 1; i < message.size() && message[i] != Assignment::kNone; ++i)
      mine.team.push_back(narrow<int>(message[i]));
    return mine;
  }

  const Communicator& world_;
  Ledger& ledger_;
  std::atomic<int> others_;  // ranks that have not been told yet that nothing is left
  std::mutex mutex_;
  std::condition_variable told_;
  std::optional<Assignment> mine_;  // of rank 0; guarded by mutex_
  std::thread server_;
};

// The communicator of a team, as long as its task takes.
class Team {
 public:
  Team(const Communicator& world, const std::vector<int>& ranks) {
    if (ranks.size() == 1) return;
    MPI_Group all, members;
    check_mpi(MPI_Comm_group(world.handle(), &all), "MPI_Comm_group");
    check_mpi(MPI_Group_incl(all, narrow<int>(ranks.size()), ranks.data(), &members), "MPI_Group_incl");
    check_mpi(MPI_Comm_create_group(world.handle(), members, kTeamTag, &handle_), "MPI_Comm_create_group");
    MPI_Group_free(&members);
    MPI_Group_free(&all);
  }
  ~Team() {
    if (handle_ != MPI_COMM_SELF) MPI_Comm_free(&handle_);
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  MPI_Comm handle() const { return handle_; }

 private:
  MPI_Comm handle_ = MPI_COMM_SELF;
};

// What a rank of a team throws by itself leaves the others in a collective call for ever.
[[noreturn]] void fail(const std::vector<int>& team, const Error& error) {
  if (team.size() > 1) abort_job(error);
  throw error;
}

// Returns the seconds of the task. Errors get its name.
double run_task(const Task& task, std::size_t index, const Communicator& world, const std::vector<int>& ranks,
                const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  const auto named = [&](const std::exception& error, ExitCode code) {
    return Error(fmt::format("{}: {}", task.name, text_of(error)), code);
  };
  try {
    const Team team(world, ranks);
    work(index, Communicator(team.handle()));
  } catch (const Interrupted&) {
    throw;  // the others of a team have heard of it, too, or end when their time is up (interruption_watch.hpp)
  } catch (const AgreedError& error) {
    throw named(error, error.code());
  } catch (const Error& error) {
    fail(ranks, named(error, error.code()));
  } catch (const std::exception& error) {
    fail(ranks, named(error, ExitCode::failed));
  }
  return seconds_since(start);
}

// This rank's part: one task after the other. Returns its busy seconds.
double work_off(const Communicator& world, Desk& desk, const std::vector<Task>& tasks, const Work& work,
                const std::function<void()>& after_task) {
  double busy = 0;
  Request request;
  for (Assignment mine = desk.next(request); mine.task != Assignment::kNone; mine = desk.next(request)) {
    const auto index = static_cast<std::size_t>(mine.task);
    double seconds = 0;
    try {
      seconds = run_task(tasks[index], index, world, mine.team, work);
    } catch (...) {
      desk.next({.failed = true});
      throw;
    }
    request = {};
    if (mine.team.front() == world.rank()) request = {.finished = mine.task, .seconds = seconds};
    busy += seconds;
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

QueueUse run_queue(const Communicator& world, const std::vector<Task>& tasks, const Work& work,
                   const QueueProgress& on_progress, double seconds_per_cost) {
  const auto start = std::chrono::steady_clock::now();
  QueueUse use;
  Ledger ledger(tasks, world.size(), seconds_per_cost);  // used on rank 0
  world.agree([&] {
    {
      Desk desk(world, ledger);
      use.busy_seconds = work_off(world, desk, tasks, work, [&] {
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
  use.seconds_per_cost = ledger.seconds_per_cost();
  return use;
}

}  // namespace lrc
