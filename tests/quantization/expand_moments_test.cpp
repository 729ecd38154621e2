#include "lrc/quantization/expand_moments.hpp"

#include <gtest/gtest.h>

#include "quantization/problem.hpp"

namespace lrc {
namespace {

TEST(ExpandMoments, ThreeMatricesAreTakenAsTheyAre) {
  const Problem problem = random_problem(1, 7, 30, 1);
  const auto& [tokens, xx, xy, yy, borrowed] = problem.moments;
  const Moments found = expand_moments({tokens, xx.cast<float>(), xy.cast<float>(), yy.cast<float>(), 5});
  EXPECT_EQ(found.tokens, tokens);
  EXPECT_EQ(found.borrowed, borrowed + 5);
  EXPECT_EQ(found.xx, xx.cast<float>().cast<double>());
  EXPECT_EQ(found.xy, xy.cast<float>().cast<double>());
  EXPECT_EQ(found.yy, yy.cast<float>().cast<double>());
}

// Y = diag(c) X + noise that is uncorrelated with X and between channels, exactly: the case in which nothing is lost.
TEST(ExpandMoments, OneMatrixGivesAllThreeWhereTheNoiseIsUncorrelated) {
  const Index d_in = 5;
  const MatrixD xx = random_positive_definite(d_in, 2).cast<float>().cast<double>();
  VectorD c(d_in), noise(d_in);
  c << 1, 0.5, 0.25, 2, 0;
  noise << 0.5, 0, 0.25, 1, 3;
  const MatrixD xy = xx * c.asDiagonal();
  const MatrixD yy = MatrixD(c.asDiagonal() * xy) + MatrixD(noise.asDiagonal());
  const MatrixF xy_sums = xy.diagonal().transpose().cast<float>(), yy_sums = yy.diagonal().transpose().cast<float>();
  const Moments found = expand_moments({9, xx.cast<float>(), xy_sums, yy_sums});
  EXPECT_EQ(found.tokens, 9);
  EXPECT_EQ(found.xx, xx);
  EXPECT_LT((found.xy - xy).norm(), 1e-6);
  EXPECT_LT((found.yy - yy).norm(), 1e-6);
}

TEST(ExpandMoments, ADeadChannelHasNoSlope) {
  MatrixF xx = MatrixF::Identity(2, 2);
  xx(1, 1) = 0;
  const Moments found = expand_moments({1, xx, MatrixF::Zero(1, 2), MatrixF::Zero(1, 2)});
  EXPECT_TRUE(found.xy.allFinite() && found.yy.allFinite());
  EXPECT_EQ(found.yy(1, 1), 0);
}

}  // namespace
}  // namespace lrc
