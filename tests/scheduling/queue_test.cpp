#include "lrc/scheduling/queue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <thread>

namespace lrc {
namespace {

std::vector<Task> tasks(std::size_t count) {
  std::vector<Task> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back({"task " + std::to_string(i), static_cast<double>(i * 7 % 5)});
  return result;
}

TEST(Queue, OrderIsLongestFirstAndStable) {
  EXPECT_EQ(longest_first({{"a", 1}, {"b", 3}, {"c", 1}, {"d", 2}}), (std::vector<std::size_t>{1, 3, 0, 2}));
  EXPECT_TRUE(longest_first({}).empty());
}

TEST(Queue, EveryTaskRunsOnceOnSomeRank) {
  const Communicator world;
  for (const std::size_t count : {0, 1, 2, 100}) {
    std::vector<double> runs(count, 0.0);
    run_queue(world, tasks(count), [&](std::size_t i) { runs[i] += 1; });
    if (count > 0) world.sum_in_place(runs);
    EXPECT_EQ(runs, std::vector<double>(count, 1.0));
  }
}

TEST(Queue, ABusyRankHoldsNobodyUp) {
  const Communicator world;
  if (world.size() == 1) GTEST_SKIP() << "needs more than one rank";
  // Rank 0 sits in its first task until the others have done all the rest.
  Index mine = 0;
  run_queue(world, tasks(40), [&](std::size_t) {
    ++mine;
    if (world.is_root()) std::this_thread::sleep_for(std::chrono::seconds(1));
  });
  const Index others = world.sum(world.is_root() ? Index{0} : mine);
  EXPECT_GE(others, 38);
  EXPECT_EQ(world.sum(mine), 40);
}

TEST(Queue, ProgressTellsTheCostHandedOut) {
  const Communicator world;
  double last = 0;
  const std::vector<Task> all = tasks(10);
  run_queue(
      world, all, [](std::size_t) {},
      [&](std::size_t, double cost) {
        EXPECT_GE(cost, last);
        last = cost;
      });
  EXPECT_LE(last, 20);
}

}  // namespace
}  // namespace lrc
