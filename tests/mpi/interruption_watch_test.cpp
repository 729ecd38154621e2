#include "lrc/mpi/interruption_watch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "lrc/core/interrupt.hpp"
#include "lrc/mpi/communicator.hpp"

namespace {

std::atomic<std::int64_t> messages{0};  // that this rank has begun to send since a test began

}  // namespace

// MPI's own profiling interface: what the library sends goes through here.
extern "C" int MPI_Isend(const void* buf, int count, MPI_Datatype datatype, int dest, int tag, MPI_Comm comm,
                         MPI_Request* request) {
  ++messages;
  return PMPI_Isend(buf, count, datatype, dest, tag, comm, request);
}

namespace lrc {
namespace {

using std::chrono::milliseconds;

// The messages of all ranks, when all of them have heard of the interruption of those for which `first` holds.
Index messages_of_an_interruption(const Communicator& world, bool first) {
  const InterruptionWatch watch(world.handle());
  world.barrier();
  messages = 0;
  if (first) request_interruption("the test");
  for (int i = 0; i < 1000 && !interruption_requested(); ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(interruption_requested());
  std::this_thread::sleep_for(milliseconds(200));  // until it is passed on
  const Index sent = messages;
  world.barrier();
  clear_interruption();
  return world.sum(sent);
}

TEST(InterruptionWatch, OneRankInterruptsAllWithAMessageEach) {
  const Communicator world;
  for (int first = 0; first < world.size(); ++first)
    EXPECT_EQ(messages_of_an_interruption(world, world.rank() == first), world.size() - 1);
}

TEST(InterruptionWatch, ASignalToAllRanksIsNoStorm) {
  const Communicator world;
  EXPECT_LE(messages_of_an_interruption(world, true), 2 * (world.size() - 1));
}

TEST(InterruptionWatch, TheTreeReachesEveryRankSoonFromAnywhere) {
  for (const int ranks : {1, 2, 3, 16, 17, 18, 100, 273, 274, 1000, 4096}) {
    std::size_t edges = 0, most = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const std::vector<int> neighbours = neighbours_in_tree(rank, ranks);
      edges += neighbours.size();
      most = std::max(most, neighbours.size());
    }
    EXPECT_EQ(edges, 2 * static_cast<std::size_t>(ranks - 1));
    EXPECT_LE(most, 17U);
    for (const int first : {0, ranks / 2, ranks - 1}) {
      std::set<int> told{first}, last{first};
      int hops = 0;
      for (; !last.empty(); ++hops) {
        std::set<int> next;
        for (const int rank : last) {
          for (const int neighbour : neighbours_in_tree(rank, ranks)) {
            if (told.insert(neighbour).second) next.insert(neighbour);
          }
        }
        last = next;
      }
      EXPECT_EQ(told.size(), static_cast<std::size_t>(ranks));
      EXPECT_LE(hops - 1, 6) << ranks << " ranks";
    }
  }
}

}  // namespace
}  // namespace lrc
