// One job at a time on a checkpoint, without file locks (Lustre and NFS may have none).
//
//   leases/N         the N-th job that opened the checkpoint: host, job, process; touched as long as it lives
//   leases/N.ended   the same, after that job has left in order
//
// A job comes by making the file with the next number, which succeeds for one only (link(2) never replaces, nor does
// open(2) with O_EXCL where there are no hard links).
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <string>

#include "lrc/core/types.hpp"

namespace lrc {

/// How often an owner touches its lease, and after how long without a touch it is taken for dead.
struct LeaseTiming {
  std::chrono::milliseconds beat{10'000};
  std::chrono::milliseconds expiry{90'000};
};

class Lease {
 public:
  /// Takes the lease of the directory, which exists. Where the last owner has not left in order: at once if it is known
  /// to be dead (its process on this host is gone, or it was an earlier start of this Slurm job), else after its lease
  /// has not been touched for the time of expiry, by this process's watch, so that no clocks are compared. Throws Error
  /// naming host, job and age where it is touched meanwhile.
  explicit Lease(std::filesystem::path directory, LeaseTiming timing = {});
  /// Leaves in order.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  /// 1 for the first job that ever opened the checkpoint.
  Index number() const { return number_; }

  /// Empty, or what became of an owner that had not left in order.
  const std::string& takeover() const { return takeover_; }

  /// Throws Error, naming the new owner, where another job has taken the lease (this one was stopped for too long).
  void check() const;

 private:
  void await_end(Index number);
  void beat();

  std::filesystem::path directory_;
  LeaseTiming timing_;
  Index number_ = 0;
  std::string takeover_;
  struct Heart;
  std::unique_ptr<Heart> heart_;  // the thread that touches the lease
};

}  // namespace lrc
