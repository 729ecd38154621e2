#include "lrc/mpi/interruption_watch.hpp"

#include <fmt/core.h>

#include "lrc/core/interrupt.hpp"
#include "lrc/mpi/communicator.hpp"
#include "lrc/mpi/session.hpp"

namespace lrc {
namespace {

constexpr std::chrono::milliseconds kLook{50};
constexpr int kInterruptedTag = 1;
constexpr int kChildren = 16;  // of a rank in the tree: three levels hold 4,000 ranks
constexpr int kNobody = -1;

}  // namespace

std::vector<int> neighbours_in_tree(int rank, int ranks) {
  std::vector<int> neighbours;
  if (rank > 0) neighbours.push_back((rank - 1) / kChildren);
  for (int child = kChildren * rank + 1; child <= kChildren * (rank + 1) && child < ranks; ++child)
    neighbours.push_back(child);
  return neighbours;
}

InterruptionWatch::InterruptionWatch(MPI_Comm world) {
  check_mpi(MPI_Comm_dup(world, &world_), "MPI_Comm_dup");
  thread_ = std::thread([this] { watch(); });
}

InterruptionWatch::~InterruptionWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  thread_.join();  // the duplicate goes with MPI_Finalize: freeing it would have to wait for the other ranks
}

void InterruptionWatch::watch() try {
  bool told = false;
  for (std::unique_lock lock(mutex_); !stopping_.wait_for(lock, kLook, [this] { return stop_; });) {
    if (seconds_left() <= 0) request_interruption("the time limit");
    const int teller = interruption_requested() ? kNobody : listen();
    if (!told && interruption_requested()) {
      tell_neighbours(teller);
      told = true;
    }
    if (time_since_interruption() > kGrace)
      abort_job(Interrupted("interrupted; what was in flight is dropped, what is committed stays: run again to go on"));
  }
} catch (const Error& error) {
  abort_job(error);
}

void InterruptionWatch::tell_neighbours(int teller) {
  const Communicator world(world_);
  for (const int rank : neighbours_in_tree(world.rank(), world.size())) {
    if (rank == teller) continue;
    MPI_Request sent;
    check_mpi(MPI_Isend(nullptr, 0, MPI_BYTE, rank, kInterruptedTag, world_, &sent), "MPI_Isend");
    check_mpi(MPI_Request_free(&sent), "MPI_Request_free");
  }
}

int InterruptionWatch::listen() {
  int came = 0;
  MPI_Status status;
  check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kInterruptedTag, world_, &came, &status), "MPI_Iprobe");
  if (came == 0) return kNobody;
  check_mpi(MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, kInterruptedTag, world_, MPI_STATUS_IGNORE), "MPI_Recv");
  request_interruption("a signal to another rank");
  return status.MPI_SOURCE;
}

}  // namespace lrc
