// One rank's interruption becomes everybody's, soon, and no rank outstays it.
#pragma once

#include <mpi.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace lrc {

/// The ranks that tell each other of an interruption: a tree over all of them, in which each tells its parent and its
/// children. A job of N ranks sends 2 (N - 1) messages at most, where all are interrupted at once, and no rank has
/// many.
std::vector<int> neighbours_in_tree(int rank, int ranks);

/// While it lives, a thread of its own passes an interruption of this rank on to all others within a few tenths of a
/// second, asks for one when the time limit comes, and ends the whole job with exit code 75 where this rank is still at
/// work `kGrace` after an interruption (in a LAPACK call, say, which nobody can stop): commits are whole or absent at
/// any instant.
class InterruptionWatch {
 public:
  static constexpr std::chrono::seconds kGrace{25};

  /// Collective. `world` is duplicated.
  explicit InterruptionWatch(MPI_Comm world);
  /// Not collective.
  ~InterruptionWatch();
  InterruptionWatch(const InterruptionWatch&) = delete;
  InterruptionWatch& operator=(const InterruptionWatch&) = delete;

 private:
  void watch();
  void tell_neighbours(int teller);
  int listen();

  MPI_Comm world_ = MPI_COMM_NULL;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace lrc
