#include "lrc/learning/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace lrc {
namespace {

TEST(LearningSchedule, AnEpochTakesEverySequenceOnceButForARest) {
  LearningSchedule schedule({.sequences = 11, .batch = 3, .steps = 9}, 7, 2);
  std::set<std::vector<Index>> epochs;
  for (Index epoch = 0; epoch < 3; ++epoch) {
    std::vector<Index> taken;
    for (Index step = 3 * epoch; step < 3 * epoch + 3; ++step) {
      const std::vector<Index> batch = schedule.batch(step);
      ASSERT_EQ(batch.size(), 3U);
      taken.insert(taken.end(), batch.begin(), batch.end());
    }
    EXPECT_EQ(std::set<Index>(taken.begin(), taken.end()).size(), 9U);
    EXPECT_GE(*std::min_element(taken.begin(), taken.end()), 0);
    EXPECT_LT(*std::max_element(taken.begin(), taken.end()), 11);
    epochs.insert(taken);
  }
  EXPECT_EQ(epochs.size(), 3U);  // each in another order
}

TEST(LearningSchedule, FollowsFromItsNumbersAlone) {
  const LearningSchedule::Sizes sizes{.sequences = 16, .batch = 2, .steps = 40};
  LearningSchedule from_start(sizes, 3, 1), resumed(sizes, 3, 1), other_block(sizes, 3, 2), other_seed(sizes, 4, 1);
  for (Index step = 0; step < 23; ++step) from_start.batch(step);
  EXPECT_EQ(from_start.batch(23), resumed.batch(23));
  EXPECT_NE(from_start.batch(23), other_block.batch(23));
  EXPECT_NE(from_start.batch(23), other_seed.batch(23));
}

TEST(LearningSchedule, TakesAllWhereTheBatchIsLarger) {
  LearningSchedule schedule({.sequences = 3, .batch = 8, .steps = 2}, 0, 0);
  EXPECT_EQ(schedule.batch(), 3);
  EXPECT_EQ(schedule.batch(1).size(), 3U);
}

}  // namespace
}  // namespace lrc
