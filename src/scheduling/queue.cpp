#include "lrc/scheduling/queue.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <optional>
#include <thread>

namespace lrc {
namespace {

using std::chrono::microseconds;

constexpr int kRequestTag = 1, kTaskTag = 2;
constexpr Index kNoMore = -1;
constexpr microseconds kPause{200};

// Hands out positions 0 … count − 1 of the order, each once.
class Counter {
 public:
  explicit Counter(std::size_t count) : count_(static_cast<Index>(count)) {}
  Index take() {
    const Index mine = next_++;
    return mine < count_ ? mine : kNoMore;
  }
  std::size_t taken() const { return static_cast<std::size_t>(std::min(next_.load(), count_)); }

 private:
  Index count_;
  std::atomic<Index> next_{0};
};

// Answers the requests of the other ranks until each has been told that nothing is left.
void serve(MPI_Comm handle, int others, Counter& counter, const std::atomic<bool>& abandoned) {
  while (others > 0 && !abandoned) {
    int waiting = 0;
    MPI_Status status;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kRequestTag, handle, &waiting, &status), "MPI_Iprobe");
    if (waiting == 0) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    check_mpi(MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, kRequestTag, handle, MPI_STATUS_IGNORE), "MPI_Recv");
    const Index position = counter.take();
    check_mpi(MPI_Send(&position, 1, MPI_INT64_T, status.MPI_SOURCE, kTaskTag, handle), "MPI_Send");
    if (position == kNoMore) --others;
  }
}

Index request_task(MPI_Comm handle) {
  Index position = kNoMore;
  MPI_Request reply;
  check_mpi(MPI_Irecv(&position, 1, MPI_INT64_T, 0, kTaskTag, handle, &reply), "MPI_Irecv");
  check_mpi(MPI_Send(nullptr, 0, MPI_BYTE, 0, kRequestTag, handle), "MPI_Send");
  wait_asleep(reply, kPause);
  return position;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The thread that serves the other ranks; joined on every way out, told to give up where the work failed.
class Server {
 public:
  Server(const Communicator& world, Counter& counter)
      : thread_([&world, &counter, this] {
          try {
            serve(world.handle(), world.size() - 1, counter, abandoned_);
          } catch (...) {
            failure_ = std::current_exception();
          }
        }) {}
  ~Server() {
    abandoned_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Waits until every rank has been told that nothing is left.
  void finish() {
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::atomic<bool> abandoned_{false};
  std::exception_ptr failure_;  // of the thread; read after it has ended
  std::thread thread_;
};

}  // namespace

std::vector<std::size_t> longest_first(const std::vector<Task>& tasks) {
  std::vector<std::size_t> order(tasks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return tasks[a].cost > tasks[b].cost; });
  return order;
}

QueueUse run_queue(const Communicator& world, const std::vector<Task>& tasks,
                   const std::function<void(std::size_t)>& work,
                   const std::function<void(std::size_t, double)>& on_progress) {
  const std::vector<std::size_t> order = longest_first(tasks);
  std::vector<double> cost_before(order.size() + 1, 0.0);
  for (std::size_t i = 0; i < order.size(); ++i) cost_before[i + 1] = cost_before[i] + tasks[order[i]].cost;

  const auto start = std::chrono::steady_clock::now();
  QueueUse use;
  Counter counter(order.size());
  std::optional<Server> server;
  if (world.is_root()) server.emplace(world, counter);
  const auto next = [&] { return world.is_root() ? counter.take() : request_task(world.handle()); };
  for (Index position = next(); position != kNoMore; position = next()) {
    const auto began = std::chrono::steady_clock::now();
    work(order[static_cast<std::size_t>(position)]);
    use.busy_seconds += seconds_since(began);
    if (world.is_root() && on_progress) {
      const std::size_t done = counter.taken() - std::min(counter.taken(), static_cast<std::size_t>(world.size() - 1));
      on_progress(done, cost_before[done]);
    }
  }
  if (server) server->finish();
  world.barrier();
  use.makespan_seconds = seconds_since(start);
  return use;
}

}  // namespace lrc
