#include "lrc/scheduling/queue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>

#include "lrc/core/interrupt.hpp"
#include "lrc/mpi/interruption_watch.hpp"

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
    run_queue(world, tasks(count), [&](std::size_t i, const Communicator&) { runs[i] += 1; });
    if (count > 0) world.sum_in_place(runs);
    EXPECT_EQ(runs, std::vector<double>(count, 1.0));
  }
}

TEST(Queue, ABusyRankHoldsNobodyUp) {
  const Communicator world;
  if (world.size() == 1) GTEST_SKIP() << "needs more than one rank";
  // Rank 0 sits in its first task until the others have done all the rest.
  Index mine = 0;
  run_queue(world, tasks(40), [&](std::size_t, const Communicator&) {
    ++mine;
    if (world.is_root()) std::this_thread::sleep_for(std::chrono::seconds(1));
  });
  const Index others = world.sum(world.is_root() ? Index{0} : mine);
  EXPECT_GE(others, 38);
  EXPECT_EQ(world.sum(mine), 40);
}

TEST(Queue, ProgressTellsWhatIsDone) {
  const Communicator world;
  std::size_t done = 0;
  double cost = 0;
  run_queue(
      world, tasks(10), [](std::size_t, const Communicator&) {},
      [&](std::size_t done_now, double cost_now) {
        EXPECT_TRUE(world.is_root());
        EXPECT_GE(done_now, done);
        EXPECT_GE(cost_now, cost);
        done = done_now;
        cost = cost_now;
      });
  EXPECT_LE(cost, 20);
  if (world.size() == 1) {
    EXPECT_EQ(done, 9);  // before the last, whose cost is 0
    EXPECT_EQ(cost, 20);
  }
}

// Tasks of one rank and of several, more teams than fit at once.
TEST(Queue, TeamsDoTheirTasksTogetherBesideOthers) {
  const Communicator world;
  std::vector<Task> all = tasks(30);
  for (std::size_t i = 0; i < all.size(); i += 4)
    all[i].ranks = std::min(world.size(), 1 + static_cast<int>(i / 4) % 3);
  std::vector<double> runs(all.size(), 0.0), members(all.size(), 0.0);
  run_queue(world, all, [&](std::size_t i, const Communicator& team) {
    EXPECT_EQ(team.size(), all[i].ranks);
    EXPECT_EQ(team.sum(Index{1}), team.size());  // all of the team are here
    if (team.is_root()) runs[i] += 1;
    members[i] += 1;
  });
  world.sum_in_place(runs);
  world.sum_in_place(members);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(runs[i], 1) << i;
    EXPECT_EQ(members[i], all[i].ranks) << i;
  }
}

TEST(Queue, AFailedTeamIsNamedAndHoldsNobodyUp) {
  const Communicator world;
  std::vector<Task> all = tasks(12);
  for (Task& task : all) task.ranks = std::min(world.size(), 2);
  std::string message;
  try {
    run_queue(world, all, [&](std::size_t i, const Communicator& team) {
      team.agree([&] {
        if (i == 2 && team.is_root()) throw CallError("pdpotrf", "no");
      });
    });
  } catch (const AgreedError& error) {
    message = error.what();
  }
  EXPECT_EQ(message, "task 2: pdpotrf: no");
}

TEST(Queue, AFailedTaskIsNamedByAllRanksAfterTheOthersInFlightAreDone) {
  const Communicator world;
  std::vector<double> finished(40, 0.0);
  std::string message;
  try {
    run_queue(world, tasks(finished.size()), [&](std::size_t i, const Communicator&) {
      if (i == 2) throw CallError("LAPACKE_dpotrf", "is not positive definite");  // handed out first
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      finished[i] += 1;
    });
  } catch (const AgreedError& error) {
    message = error.what();
    EXPECT_EQ(error.code(), ExitCode::failed);
  }
  EXPECT_EQ(message, "task 2: LAPACKE_dpotrf: is not positive definite");
  world.sum_in_place(finished);
  EXPECT_LT(std::accumulate(finished.begin(), finished.end(), 0.0), 4.0 * world.size());
  run_queue(world, tasks(3), [](std::size_t, const Communicator&) {});  // the ranks are still in step
}

TEST(Queue, AnInterruptedRankInterruptsAll) {
  const Communicator world;
  const InterruptionWatch watch(world.handle());
  const int interrupted = world.size() - 1;
  const auto work = [&](std::size_t, const Communicator&) {
    if (world.rank() == interrupted) request_interruption("a test");
    sleep_interruptibly(std::chrono::seconds(20));
  };
  try {
    run_queue(world, tasks(2 * static_cast<std::size_t>(world.size())), work);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const AgreedError& error) {
    EXPECT_EQ(error.code(), ExitCode::interrupted);
  }
  world.barrier();  // none forgets before all have heard
  clear_interruption();
}

TEST(Queue, TellsHowFastItWasSoThatTheNextOneStartsNothingInVain) {
  const Communicator world;
  const QueueUse use = run_queue(world, {{"first", 1}}, [](std::size_t, const Communicator&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_EQ(use.seconds_per_cost >= 0.02, world.is_root());
  set_time_limit(std::chrono::seconds(60));
  const auto work = [](std::size_t, const Communicator&) { ADD_FAILURE() << "was started"; };
  EXPECT_THROW(run_queue(world, {{"too long", 1e6}}, work, {}, use.seconds_per_cost), AgreedError);
  world.barrier();
  clear_interruption();
}

TEST(Queue, TasksLeftByTheTimeLimitInterruptTheRun) {
  const Communicator world;
  set_time_limit(std::chrono::seconds(0));
  std::string message;
  try {
    run_queue(world, tasks(5), [](std::size_t, const Communicator&) { ADD_FAILURE() << "was started"; });
  } catch (const AgreedError& error) {
    message = error.what();
    EXPECT_EQ(error.code(), ExitCode::interrupted);
  }
  EXPECT_NE(message.find("5 tasks would not be done before the time limit"), std::string::npos) << message;
  world.barrier();
  clear_interruption();
}

}  // namespace
}  // namespace lrc
