#include "lrc/quantization/low_rank/rank.hpp"

#include <gtest/gtest.h>

namespace lrc {
namespace {

TEST(Rank, IsAFractionOfTheParametersOrOfTheSmallerSideRoundedDown) {
  EXPECT_EQ(rank_of(0.1, 576, 576), 28);   // 28.8
  EXPECT_EQ(rank_of(0.1, 1536, 576), 41);  // 41.89
  EXPECT_EQ(rank_of(0.0, 64, 64), 0);
  EXPECT_EQ(rank_of(0.1, 1, 1), 0);
}

TEST(Rank, IsAtMostTheSmallerSide) { EXPECT_EQ(rank_of(5.0, 9, 7), 7); }

TEST(StackRank, PoolsTheBudgetsOfItsLinears) {
  // 0.1·(576 + 192 + 192)·576 sixteen-bit numbers over 960 + 576 per rank.
  EXPECT_EQ(stack_rank(0.1, {960, 576}, 16), 36);
  // Twice as many numbers of eight bits, less two scales of sixteen a rank.
  EXPECT_EQ(stack_rank(0.1, {960, 576}, 8), 71);   // 884736 bits over 12320
  EXPECT_EQ(stack_rank(0.1, {3072, 576}, 8), 96);  // 2831155 bits over 29216
  EXPECT_EQ(stack_rank(9.0, {960, 576}, 8), 576);
  EXPECT_EQ(stack_rank(9.0, {7, 9}, 16), 7);
}

TEST(StackRank, FactorsStayWithinTheBudget) {
  for (const int bits : {8, 16}) {
    for (const Stack& stack : {Stack{960, 576}, {33, 100}, {100, 33, 200}, {960, 576, 24576}, {1, 1}}) {
      const auto rank = static_cast<double>(stack_rank(0.3, stack, bits));
      const double budget = 0.3 * static_cast<double>(stack.d_out * stack.d_in) * 16 - stack.other_bits;
      const double per_rank = static_cast<double>(stack.d_out + stack.d_in) * bits + factor_scale_bits(1, bits);
      EXPECT_LE(rank * per_rank, budget);
      EXPECT_GT((rank + 1) * per_rank, budget);
    }
  }
}

TEST(StackRank, IsZeroWhereMeansAndBiasesTakeAll) { EXPECT_EQ(stack_rank(0.1, {10, 10, 161}, 8), 0); }

TEST(ResidualRank, IsBoundedByTheInputsAloneAndLeavesSomeToQuantize) {
  EXPECT_EQ(residual_rank(0.1, {960, 576}, 8), 71);
  EXPECT_EQ(residual_rank(9.0, {960, 576}, 8), 504);
  EXPECT_EQ(residual_rank(9.0, {7, 20}, 16), 17);
  EXPECT_EQ(residual_rank(9.0, {7, 1}, 16), 0);
}

TEST(FactorScales, AreTwoOfSixteenBitsPerRankOfEightBitFactors) {
  EXPECT_EQ(factor_scale_bits(10, 8), 320);
  EXPECT_EQ(factor_scale_bits(10, 16), 0);
}

TEST(ZeroPointBits, AreThoseOfWiderScalesAndOfWholeWordsDownAColumn) {
  EXPECT_EQ(zero_point_bits(16, 1, 4), 16 * (16 + 4));
  EXPECT_EQ(zero_point_bits(16, 3, 8), 3 * 16 * (16 + 8));
  EXPECT_EQ(zero_point_bits(11, 2, 3), 2 * (11 * 16 + 2 * 32));  // ten a word
}

TEST(BitsPerWeight, CountCodesScalesAndFactors) {
  EXPECT_DOUBLE_EQ(bits_per_weight(10, 32, 4, 1, 0, 16), 4 + 16.0 / 32);
  EXPECT_DOUBLE_EQ(bits_per_weight(10, 32, 3, 2, 0, 16), 4 + 16.0 * 2 / 32);  // ten codes a word: four words
  EXPECT_DOUBLE_EQ(bits_per_weight(10, 32, 4, 1, 5, 8), 4.5 + 42.0 * 5 * 8 / 320);
  EXPECT_DOUBLE_EQ(stored_bits(2, 3, 4, 1, 1, 16), 2 * 32 + 32 + 80);  // a word a row
}

}  // namespace
}  // namespace lrc
