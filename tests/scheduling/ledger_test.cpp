#include "lrc/scheduling/ledger.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <optional>

#include "lrc/core/interrupt.hpp"

namespace lrc {
namespace {

const std::vector<Task> kTasks{{"small", 1}, {"large", 100}, {"middle", 10}};

std::optional<Index> take(Ledger& ledger) {
  const std::vector<Assignment> told = ledger.ask(0);
  EXPECT_EQ(told.size(), 1U);
  if (told.front().task == Assignment::kNone) return std::nullopt;
  return told.front().task;
}

// "rank:task", in the order in which ranks are told; "-" is none.
std::string told(const std::vector<Assignment>& assignments) {
  std::string text;
  for (const Assignment& one : assignments)
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", one.rank,
                        one.task == Assignment::kNone ? "-" : std::to_string(one.task));
  return text;
}

TEST(Ledger, ATeamWaitsUntilItIsComplete) {
  const std::vector<Task> tasks{{"small", 1}, {"team", 100, 3}, {"middle", 10}};
  Ledger ledger(tasks, 3);
  EXPECT_EQ(told(ledger.ask(2)), "");
  EXPECT_EQ(told(ledger.ask(0)), "");
  const std::vector<Assignment> team = ledger.ask(1);
  EXPECT_EQ(told(team), "0:1 1:1 2:1");
  EXPECT_EQ(team.front().team, (std::vector<int>{0, 1, 2}));
  ledger.finish(1, 1);
  EXPECT_EQ(told(ledger.ask(1)), "1:2");
  EXPECT_EQ(told(ledger.ask(0)), "0:0");
  EXPECT_EQ(told(ledger.ask(2)), "2:-");
  EXPECT_EQ(told(ledger.ask(0)), "0:-");
}

TEST(Ledger, WhileATeamRunsThatTheNextOneNeedsOthersDoSingleTasks) {
  const std::vector<Task> tasks{{"first", 100, 2}, {"second", 90, 2}, {"single", 10}};
  Ledger ledger(tasks, 3);
  EXPECT_EQ(told(ledger.ask(0)), "");
  EXPECT_EQ(told(ledger.ask(1)), "0:0 1:0");
  EXPECT_EQ(told(ledger.ask(2)), "2:2");
  EXPECT_EQ(told(ledger.ask(2)), "") << "waits for one of the team";
  ledger.finish(0, 1);
  EXPECT_EQ(told(ledger.ask(1)), "1:1 2:1");
  EXPECT_EQ(told(ledger.ask(0)), "0:-");
}

TEST(Ledger, TwoTeamsMayRunAtOnce) {
  const std::vector<Task> tasks{{"first", 100, 2}, {"second", 90, 2}};
  Ledger ledger(tasks, 4);
  ledger.ask(0);
  EXPECT_EQ(told(ledger.ask(1)), "0:0 1:0");
  ledger.ask(3);
  EXPECT_EQ(told(ledger.ask(2)), "2:1 3:1");
}

TEST(Ledger, ThoseWhoWaitAreToldWhenItStops) {
  const std::vector<Task> tasks{{"team", 100, 3}};
  Ledger ledger(tasks, 3);
  ledger.ask(0);
  ledger.ask(2);
  EXPECT_EQ(told(ledger.stop()), "0:- 2:-");
  EXPECT_EQ(told(ledger.ask(1)), "1:-");
}

TEST(Ledger, HandsOutTheMostExpensiveFirstAndEachOnce) {
  Ledger ledger(kTasks, 1);
  EXPECT_EQ(take(ledger), 1);
  EXPECT_EQ(take(ledger), 2);
  EXPECT_EQ(ledger.left(), 1U);
  EXPECT_EQ(take(ledger), 0);
  EXPECT_EQ(take(ledger), std::nullopt);
  ledger.finish(1, 5);
  EXPECT_EQ(ledger.done(), 1U);
  EXPECT_EQ(ledger.done_cost(), 100);
}

TEST(Ledger, StoppedItHandsOutNothing) {
  Ledger ledger(kTasks, 1);
  ledger.stop();
  EXPECT_EQ(take(ledger), std::nullopt);
}

TEST(Ledger, InterruptedItHandsOutNothingAndKnowsWhatIsLeft) {
  Ledger ledger(kTasks, 1);
  request_interruption("a test");
  EXPECT_EQ(take(ledger), std::nullopt);
  clear_interruption();
  EXPECT_EQ(ledger.left(), 3U);
}

TEST(Ledger, DoesNotHandOutWhatWouldNotBeDoneInTime) {
  const std::vector<Task> tasks{{"first", 50}, {"large", 100}, {"middle", 10}, {"small", 1}};
  Ledger ledger(tasks, 1);
  EXPECT_EQ(take(ledger), 1);
  ledger.finish(1, 1000);  // ten seconds a unit of cost
  set_time_limit(std::chrono::seconds(150));
  EXPECT_EQ(take(ledger), 2) << "500 s don't fit, 100 s do";
  EXPECT_EQ(take(ledger), 3);
  EXPECT_EQ(take(ledger), std::nullopt);
  EXPECT_EQ(ledger.left(), 1U);
  clear_interruption();
}

TEST(Ledger, KnowsFromAnEarlierQueueWhatTheFirstTaskWillTake) {
  const std::vector<Task> tasks{{"large", 100}, {"small", 1}};
  Ledger earlier(tasks, 1);
  take(earlier);
  earlier.finish(0, 1000);
  Ledger ledger(tasks, 1, earlier.seconds_per_cost());
  set_time_limit(std::chrono::seconds(150));
  EXPECT_EQ(take(ledger), 1) << "1000 s don't fit, 10 s do";
  EXPECT_EQ(take(ledger), std::nullopt);
  clear_interruption();
}

}  // namespace
}  // namespace lrc
