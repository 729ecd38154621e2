#include "lrc/linalg/process_grid.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

#include "lrc/linalg/gemm.hpp"

extern "C" {
int Csys2blacs_handle(MPI_Comm system);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int* context, const char* order, int rows, int cols);
void Cblacs_gridexit(int context);
void Cblacs_set(int context, int what, int* value);
}

namespace lrc {
namespace {

// The names of Cblacs_set for: sums in an order that doesn't depend on timing; the same sum on every rank.
constexpr int kRepeatable = 15, kCoherent = 16;
constexpr std::size_t kLargestMessage = std::size_t{1} << 30;

}  // namespace

ProcessGrid::ProcessGrid(const Communicator& communicator, GridShape shape)
    : communicator_(communicator), shape_(shape) {
  if (shape.rows < 1 || shape.cols < 1 || shape.ranks() != communicator.size()) {
    throw Error(fmt::format("a grid of {}×{} needs as many ranks, the team has {}", shape.rows, shape.cols,
                            communicator.size()));
  }
  single_threaded_blas();
  system_handle_ = Csys2blacs_handle(communicator.handle());
  context_ = system_handle_;
  Cblacs_gridinit(&context_, "Row-major", shape.rows, shape.cols);
  for (const int what : {kRepeatable, kCoherent}) {
    int on = 1;
    Cblacs_set(context_, what, &on);
  }
}

ProcessGrid::~ProcessGrid() {
  Cblacs_gridexit(context_);
  Cfree_blacs_system_handle(system_handle_);
}

void ProcessGrid::gather(std::span<const std::byte> mine, std::span<std::byte> all) const {
  constexpr int kTag = 0;
  std::vector<double> sizes(static_cast<std::size_t>(ranks()), 0.0);  // one a rank; exact below 2^53
  sizes[static_cast<std::size_t>(rank())] = static_cast<double>(mine.size());
  communicator_.sum_in_place(sizes);
  if (!is_root()) {
    for (std::size_t at = 0; at < mine.size(); at += kLargestMessage) {
      const auto part = mine.subspan(at, std::min(kLargestMessage, mine.size() - at));
      check_mpi(MPI_Send(part.data(), narrow<int>(part.size()), MPI_BYTE, 0, kTag, communicator_.handle()), "MPI_Send");
    }
    return;
  }
  std::copy(mine.begin(), mine.end(), all.begin());
  std::size_t begin = mine.size();
  for (int from = 1; from < ranks(); ++from) {
    const auto size = static_cast<std::size_t>(sizes[static_cast<std::size_t>(from)]);
    assert(begin + size <= all.size());
    for (std::size_t at = 0; at < size; at += kLargestMessage) {
      const auto part = all.subspan(begin + at, std::min(kLargestMessage, size - at));
      check_mpi(MPI_Recv(part.data(), narrow<int>(part.size()), MPI_BYTE, from, kTag, communicator_.handle(),
                         MPI_STATUS_IGNORE),
                "MPI_Recv");
    }
    begin += size;
  }
}

}  // namespace lrc
