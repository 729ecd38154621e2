// One rank's interruption becomes everybody's, soon, and no rank outstays it.
#pragma once

#include <mpi.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace lrc {

/// While it lives, a thread of its own passes an interruption of this rank on to all others within about a tenth of a
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
  void tell_others();
  void listen();

  MPI_Comm world_ = MPI_COMM_NULL;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace lrc
