#include "lrc/mpi/communicator.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <thread>

#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"

namespace lrc {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw CallError(call, std::string(text.data(), static_cast<std::size_t>(length)));
}

void Pause::sleep() const {
  using std::chrono::microseconds;
  const auto waited = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - start_);
  std::this_thread::sleep_for(
      std::clamp<microseconds>(waited / 64, shortest_, std::max(shortest_, microseconds(1000))));
}

void wait_asleep(MPI_Request request, Pause pause) {
  int done = 0;
  check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  while (done == 0) {
    pause.sleep();
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  }
}

Communicator::Communicator(MPI_Comm handle) : handle_(handle) {
  check_mpi(MPI_Comm_rank(handle_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(handle_, &size_), "MPI_Comm_size");
}

void Communicator::barrier() const {
  MPI_Request request;
  check_mpi(MPI_Ibarrier(handle_, &request), "MPI_Ibarrier");
  wait_asleep(request);
}

Index Communicator::sum(Index value) const {
  barrier();
  Index result = 0;
  check_mpi(MPI_Allreduce(&value, &result, 1, MPI_INT64_T, MPI_SUM, handle_), "MPI_Allreduce");
  return result;
}

void Communicator::sum_in_place(std::span<Index> values) const {
  barrier();
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), narrow<int>(values.size()), MPI_INT64_T, MPI_SUM, handle_),
            "MPI_Allreduce");
}

void Communicator::sum_in_place(std::span<double> values) const {
  barrier();
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), narrow<int>(values.size()), MPI_DOUBLE, MPI_SUM, handle_),
            "MPI_Allreduce");
}

double Communicator::max(double value) const {
  barrier();
  double result = 0;
  check_mpi(MPI_Allreduce(&value, &result, 1, MPI_DOUBLE, MPI_MAX, handle_), "MPI_Allreduce");
  return result;
}

void Communicator::max_in_place(std::span<double> values) const {
  barrier();
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), narrow<int>(values.size()), MPI_DOUBLE, MPI_MAX, handle_),
            "MPI_Allreduce");
}

void Communicator::send(std::span<float> values, int from, int to) const {
  constexpr std::size_t kChunk = std::size_t{1} << 28;
  constexpr int kTag = 0;
  if (from == to || (rank_ != from && rank_ != to)) return;
  for (std::size_t at = 0; at < values.size(); at += kChunk) {
    const std::span<float> chunk = values.subspan(at, std::min(kChunk, values.size() - at));
    const int count = narrow<int>(chunk.size());
    MPI_Request request;
    if (rank_ == from)
      check_mpi(MPI_Isend(chunk.data(), count, MPI_FLOAT, to, kTag, handle_, &request), "MPI_Isend");
    else
      check_mpi(MPI_Irecv(chunk.data(), count, MPI_FLOAT, from, kTag, handle_, &request), "MPI_Irecv");
    wait_asleep(request);
  }
}

void Communicator::reduce_sum(std::span<std::int64_t> values, int root) const {
  constexpr std::size_t kChunk = std::size_t{1} << 22;  // 32 MiB: MPI takes another buffer of that size
  barrier();
  for (std::size_t at = 0; at < values.size(); at += kChunk) {
    const std::span<std::int64_t> chunk = values.subspan(at, std::min(kChunk, values.size() - at));
    const void* from = rank_ == root ? MPI_IN_PLACE : chunk.data();
    check_mpi(MPI_Reduce(from, chunk.data(), narrow<int>(chunk.size()), MPI_INT64_T, MPI_SUM, root, handle_),
              "MPI_Reduce");
  }
}

void Communicator::broadcast_bytes(std::span<std::byte> bytes, int root) const {
  constexpr std::size_t kChunk = std::size_t{1} << 30;
  barrier();
  for (std::size_t at = 0; at < bytes.size(); at += kChunk) {
    const std::span<std::byte> chunk = bytes.subspan(at, std::min(kChunk, bytes.size() - at));
    check_mpi(MPI_Bcast(chunk.data(), narrow<int>(chunk.size()), MPI_BYTE, root, handle_), "MPI_Bcast");
  }
}

Index Communicator::broadcast(Index value, int root) const {
  broadcast_in_place(std::span(&value, 1), root);
  return value;
}

std::string Communicator::broadcast(const std::string& text, int root) const {
  std::string result = text;
  result.resize(static_cast<std::size_t>(broadcast(static_cast<Index>(text.size()), root)));
  broadcast_in_place(std::span<char>(result), root);
  return result;
}

std::vector<std::string> Communicator::gather(const std::string& text, int root) const {
  barrier();
  const int mine = narrow<int>(text.size());
  std::vector<int> sizes(static_cast<std::size_t>(size_)), starts(static_cast<std::size_t>(size_));  // one a rank
  check_mpi(MPI_Gather(&mine, 1, MPI_INT, sizes.data(), 1, MPI_INT, root, handle_), "MPI_Gather");
  Index total = 0;
  if (rank_ == root) {
    for (std::size_t i = 0; i < sizes.size(); total += sizes[i], ++i) starts[i] = narrow<int>(total);
  }
  std::string all(static_cast<std::size_t>(total), '\0');
  check_mpi(MPI_Gatherv(text.data(), mine, MPI_CHAR, all.data(), sizes.data(), starts.data(), MPI_CHAR, root, handle_),
            "MPI_Gatherv");
  std::vector<std::string> result;
  if (rank_ == root) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      result.push_back(all.substr(static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(sizes[i])));
    }
  }
  return result;
}

// A warning that several ranks have is said once.
void Communicator::say_warnings() const {
  std::string mine;
  for (const std::string& warning : take_kept_warnings()) mine += warning + '\0';
  const std::vector<std::string> all = gather(mine);
  std::map<std::string, std::vector<int>> ranks_of;
  std::vector<std::string> order;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    for (std::size_t at = 0; at < all[rank].size(); at = all[rank].find('\0', at) + 1) {
      const std::string warning = all[rank].c_str() + at;
      if (!ranks_of.contains(warning)) order.push_back(warning);
      ranks_of[warning].push_back(narrow<int>(rank));
    }
  }
  for (const std::string& warning : order) log_warning_of(ranks_of[warning], warning);
}

void Communicator::agree(const std::function<void()>& step) const {
  ExitCode code = ExitCode::done;
  std::string message;
  try {
    step();
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
  } catch (const std::exception& error) {
    code = ExitCode::failed;
    message = text_of(error);
  }
  barrier();
  // The lowest rank with an error, or else the lowest that was interrupted.
  int mine = rank_ + (code == ExitCode::interrupted ? size_ : 0);
  if (code == ExitCode::done) mine = 2 * size_;
  std::array<int, 2> least{mine, keeps_warnings() && handle_ == MPI_COMM_WORLD ? 0 : 1};
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, least.data(), 2, MPI_INT, MPI_MIN, handle_), "MPI_Allreduce");
  if (least[1] == 0) say_warnings();
  const int first = least[0];
  if (first == 2 * size_) return;
  int agreed = static_cast<int>(code);
  check_mpi(MPI_Bcast(&agreed, 1, MPI_INT, first % size_, handle_), "MPI_Bcast");
  throw AgreedError(broadcast(message, first % size_), static_cast<ExitCode>(agreed));
}

int ranks_on_this_host(const Communicator& world) {
  MPI_Comm local;
  check_mpi(MPI_Comm_split_type(world.handle(), MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local), "MPI_Comm_split_type");
  int size = 1;
  check_mpi(MPI_Comm_size(local, &size), "MPI_Comm_size");
  check_mpi(MPI_Comm_free(&local), "MPI_Comm_free");
  return size;
}

}  // namespace lrc
