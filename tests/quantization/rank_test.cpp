#include "lrc/quantization/rank.hpp"

#include <gtest/gtest.h>

namespace lrc {
namespace {

TEST(Rank, IsAFractionOfTheParametersOrOfTheSmallerSideRoundedDown) {
  EXPECT_EQ(rank_of(RankRule::params, 0.1, 576, 576), 28);   // 28.8
  EXPECT_EQ(rank_of(RankRule::params, 0.1, 1536, 576), 41);  // 41.89
  EXPECT_EQ(rank_of(RankRule::dim, 0.1, 576, 1536), 57);     // 57.6
  EXPECT_EQ(rank_of(RankRule::dim, 0.29, 100, 100), 29);     // 0.29·100 is below 29 in binary
  EXPECT_EQ(rank_of(RankRule::params, 0.0, 64, 64), 0);
  EXPECT_EQ(rank_of(RankRule::params, 0.1, 1, 1), 0);
}

TEST(Rank, IsAtMostTheSmallerSide) {
  EXPECT_EQ(rank_of(RankRule::dim, 5.0, 7, 9), 7);
  EXPECT_EQ(rank_of(RankRule::params, 5.0, 9, 7), 7);
}

TEST(BitsPerWeight, CountCodesScalesAndFactors) {
  EXPECT_DOUBLE_EQ(bits_per_weight(10, 32, 4, 1, 0, 16), 4 + 16.0 / 32);
  EXPECT_DOUBLE_EQ(bits_per_weight(10, 32, 3, 2, 0, 16), 3 + 16.0 * 2 / 32);
  EXPECT_DOUBLE_EQ(bits_per_weight(10, 32, 4, 1, 5, 8), 4.5 + 42.0 * 5 * 8 / 320);
  EXPECT_DOUBLE_EQ(stored_bits(2, 3, 4, 1, 1, 16), 24 + 32 + 80);
}

}  // namespace
}  // namespace lrc
