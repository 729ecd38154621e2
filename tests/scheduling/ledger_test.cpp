#include "lrc/scheduling/ledger.hpp"

#include <gtest/gtest.h>

#include "lrc/core/interrupt.hpp"

namespace lrc {
namespace {

const std::vector<Task> kTasks{{"small", 1}, {"large", 100}, {"middle", 10}};

TEST(Ledger, HandsOutTheMostExpensiveFirstAndEachOnce) {
  Ledger ledger(kTasks);
  EXPECT_EQ(ledger.take(), 1U);
  EXPECT_EQ(ledger.take(), 2U);
  EXPECT_EQ(ledger.left(), 1U);
  EXPECT_EQ(ledger.take(), 0U);
  EXPECT_EQ(ledger.take(), std::nullopt);
  ledger.finish(1, 5);
  EXPECT_EQ(ledger.done(), 1U);
  EXPECT_EQ(ledger.done_cost(), 100);
}

TEST(Ledger, StoppedItHandsOutNothing) {
  Ledger ledger(kTasks);
  ledger.stop();
  EXPECT_EQ(ledger.take(), std::nullopt);
}

TEST(Ledger, InterruptedItHandsOutNothingAndKnowsWhatIsLeft) {
  Ledger ledger(kTasks);
  request_interruption("a test");
  EXPECT_EQ(ledger.take(), std::nullopt);
  clear_interruption();
  EXPECT_EQ(ledger.left(), 3U);
}

TEST(Ledger, DoesNotHandOutWhatWouldNotBeDoneInTime) {
  const std::vector<Task> tasks{{"first", 50}, {"large", 100}, {"middle", 10}, {"small", 1}};
  Ledger ledger(tasks);
  EXPECT_EQ(ledger.take(), 1U);
  ledger.finish(1, 1000);  // ten seconds a unit of cost
  set_time_limit(std::chrono::seconds(150));
  EXPECT_EQ(ledger.take(), 2U) << "500 s don't fit, 100 s do";
  EXPECT_EQ(ledger.take(), 3U);
  EXPECT_EQ(ledger.take(), std::nullopt);
  EXPECT_EQ(ledger.left(), 1U);
  clear_interruption();
}

}  // namespace
}  // namespace lrc
