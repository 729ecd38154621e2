// Of time only what holds on any machine: how much of it there was, or whether there is any left.
#include "lrc/core/run_progress.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "lrc/core/log.hpp"

namespace lrc {
namespace {

class Progressing : public testing::Test {
 protected:
  Progressing() { set_log_enabled(false); }
  ~Progressing() override { set_log_enabled(true); }

  void advance(const std::string& kind, double more) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    progress_.advance(kind, more, "");
  }

  RunProgress progress_;
};

TEST_F(Progressing, TheEndOfOneKindIsNotThatOfTheRun) {
  progress_.expect("forward", 4, 1);
  progress_.expect("solve", 1, 12);
  EXPECT_EQ(progress_.part(), 0);
  EXPECT_LT(progress_.seconds_left(), 0) << "nothing is known of the pace";
  for (int block = 0; block < 4; ++block) advance("forward", 1);
  EXPECT_NEAR(progress_.part(), 0.25, 1e-9) << "as it was foreseen to cost";
  EXPECT_GE(progress_.seconds_left(), 3 * 4 * 0.005);
  advance("solve", 1);
  EXPECT_DOUBLE_EQ(progress_.part(), 1);
  EXPECT_EQ(progress_.seconds_left(), 0);
}

TEST_F(Progressing, ThePaceThatIsSeenCorrectsTheCosts) {
  progress_.expect("forward", 2, 1);
  progress_.expect("solve", 4, 1e6);
  for (const std::string kind : {"forward", "solve"}) advance(kind, 1);
  EXPECT_GT(progress_.part(), 0.2501) << "by what was foreseen, a quarter: the solves are all";
}

TEST_F(Progressing, AnEarlierStartsWorkIsDoneButHasNoPace) {
  progress_.expect("forward", 10, 1, 10);
  progress_.expect("solve", 10, 1, 5);
  EXPECT_NEAR(progress_.part(), 0.75, 1e-9);
  EXPECT_LT(progress_.seconds_left(), 0);
  advance("solve", 1);
  EXPECT_GE(progress_.seconds_left(), 4 * 0.005);
  EXPECT_GT(progress_.part(), 0.75);
}

}  // namespace
}  // namespace lrc
