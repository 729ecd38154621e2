// The ranks of a job. A Communicator borrows its MPI_Comm; every MPI call is checked, and its error names the call.
// Every collective first waits for all ranks asleep, so that an early one leaves its core to others. One rank works
// without mpirun.
#pragma once

#include <mpi.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/core/types.hpp"

namespace lrc {

/// Throws CallError naming `call` unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call);

/// An error that every rank of the job throws together; rank 0 prints it.
class AgreedError : public Error {
 public:
  using Error::Error;
};

class Communicator {
 public:
  explicit Communicator(MPI_Comm handle = MPI_COMM_WORLD);

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  MPI_Comm handle() const { return handle_; }

  /// Waits for all ranks, asleep between looks.
  void barrier() const;

  /// Sums of all ranks' values, elementwise, on every rank; exact, so the order of ranks doesn't matter.
  Index sum(Index value) const;
  void sum_in_place(std::span<Index> values) const;
  /// Elementwise sums, on every rank. The order of additions is MPI's, so for exact bits at most one rank's element may
  /// be non-zero.
  void sum_in_place(std::span<double> values) const;
  double max(double value) const;
  void max_in_place(std::span<double> values) const;

  /// Adds all ranks' values into those of `root`, at most 2^27 elements a call; the others' are left as they are.
  void reduce_sum(std::span<std::int64_t> values, int root) const;

  /// What `root` has, on every rank.
  std::string broadcast(const std::string& text, int root = 0) const;
  Index broadcast(Index value, int root = 0) const;
  /// The same in place; spans of one length, at most 1 GiB a message.
  template <class Element>
  void broadcast_in_place(std::span<Element> values, int root = 0) const {
    broadcast_bytes(std::as_writable_bytes(values), root);
  }
  /// What rank `from` has, on rank `to`, in spans of one length. For these two ranks: nothing happens on the others, or
  /// where both are one.
  void send(std::span<float> values, int from, int to) const;
  /// On root: the texts of all ranks, in their order; elsewhere empty.
  std::vector<std::string> gather(const std::string& text, int root = 0) const;

  /// Runs `step`, which makes no collective calls, on every rank. Where it throws on any, all ranks throw the error of
  /// the lowest such rank (of the lowest interrupted one where nothing else happened). The world's rank 0 says what the
  /// others have warned of since the last time. Collective.
  void agree(const std::function<void()>& step) const;

 private:
  void broadcast_bytes(std::span<std::byte> bytes, int root) const;
  void say_warnings() const;

  MPI_Comm handle_;
  int rank_ = 0, size_ = 1;
};

/// For waiting without a core: sleeps between looks, at first for `shortest`, then for a 64th of the time since it was
/// made, at most a millisecond. (A barrier of P ranks sleeps log2(P) times after the last has come.)
class Pause {
 public:
  explicit Pause(std::chrono::microseconds shortest = std::chrono::microseconds(50)) : shortest_(shortest) {}
  void sleep() const;

 private:
  std::chrono::microseconds shortest_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Waits for `request`, asleep between looks.
void wait_asleep(MPI_Request request, Pause pause = Pause());

/// Ranks on this rank's host: what the cores are shared among.
int ranks_on_this_host(const Communicator& world);

}  // namespace lrc
