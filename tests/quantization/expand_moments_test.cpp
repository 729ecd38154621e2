#include "lrc/quantization/moments/expand_moments.hpp"

#include <gtest/gtest.h>

#include "lrc/quantization/lrc/residual_directions.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

TEST(ExpandMoments, ThreeMatricesAreTakenAsTheyAre) {
  Execution exec;
  const Problem problem = random_problem(1, 7, 30, 1);
  const auto& [tokens, xx, xy, yy, borrowed] = problem.moments;
  const Moments found = expand_moments(exec, {tokens, xx.cast<float>(), xy.cast<float>(), yy.cast<float>(), 5});
  EXPECT_EQ(found.tokens, tokens);
  EXPECT_EQ(found.borrowed, borrowed + 5);
  EXPECT_EQ(found.xx, xx.cast<float>().cast<double>());
  EXPECT_EQ(found.xy, xy.cast<float>().cast<double>());
  EXPECT_EQ(found.yy, yy.cast<float>().cast<double>());
}

// Y = diag(c) X + noise that is uncorrelated with X and between channels, exactly: the case in which nothing is lost.
TEST(ExpandMoments, OneMatrixGivesAllThreeWhereTheNoiseIsUncorrelated) {
  Execution exec;
  const Index d_in = 5;
  const MatrixD xx = random_positive_definite(d_in, 2).cast<float>().cast<double>();
  VectorD c(d_in), noise(d_in);
  c << 1, 0.5, 0.25, 2, 0;
  noise << 0.5, 0, 0.25, 1, 3;
  const MatrixD xy = xx * c.asDiagonal();
  const MatrixD yy = MatrixD(c.asDiagonal() * xy) + MatrixD(noise.asDiagonal());
  const MatrixF xy_sums = xy.diagonal().transpose().cast<float>(), yy_sums = yy.diagonal().transpose().cast<float>();
  const Moments found = expand_moments(exec, {9, xx.cast<float>(), xy_sums, yy_sums});
  EXPECT_EQ(found.tokens, 9);
  EXPECT_EQ(found.xx, xx);
  EXPECT_LT((found.xy - xy).norm(), 1e-6);
  EXPECT_LT((found.yy - yy).norm(), 1e-6);
}

// Y = diag(c) P X + noise that is uncorrelated with X and between channels; E is not orthonormal.
TEST(ExpandMoments, ResidualActivationsAreRegressedOnWhatIsQuantized) {
  Execution exec(2);
  for (const auto& [d_in, k] : {std::pair<Index, Index>{1, 1}, {7, 2}, {40, 13}, {5, 0}}) {
    const MatrixD xx = random_positive_definite(d_in, 2).cast<float>().cast<double>();
    const MatrixF e = (0.4 * random_matrix(d_in, k, 3)).cast<float>();
    const MatrixD p = MatrixD::Identity(d_in, d_in) - e.cast<double>() * e.cast<double>().transpose();
    const VectorD c = random_matrix(d_in, 1, 4), noise = random_matrix(d_in, 1, 5).cwiseAbs();
    const MatrixD xy = xx * p.transpose() * c.asDiagonal();
    const MatrixD seen = p * xx * p.transpose();
    const MatrixD yy = MatrixD(c.asDiagonal() * seen * c.asDiagonal()) + MatrixD(noise.asDiagonal());
    const MatrixF xy_sums = (seen.diagonal().cwiseProduct(c)).transpose().cast<float>();
    const MatrixF yy_sums = yy.diagonal().transpose().cast<float>();
    const Moments found = expand_moments(exec, {9, xx.cast<float>(), xy_sums, yy_sums}, e);
    EXPECT_EQ(found.tokens, 9);
    EXPECT_EQ(found.xx, xx);
    EXPECT_LT((found.xy - xy).norm(), 1e-6 * xy.norm()) << d_in;
    EXPECT_LT((found.yy - yy).norm(), 1e-6 * yy.norm()) << d_in;
  }
}

TEST(ExpandMoments, OneMatrixSolvesNearlyAsWellAsThree) {
  Execution exec(2);
  const Problem plain = outlier_problem(80, 60, 2000, 6);
  const MatrixD e = residual_directions(exec, plain.weight, plain.moments.xx, 8, 0.01);
  const StoredFactor directions = stored_factor(e, 8);
  const MatrixD stored = directions.values.cast<double>();
  const Problem problem = residual_problem(plain, stored);
  const MatrixD seen = problem.x - stored * (stored.transpose() * problem.x);
  const MatrixF xy_sums = seen.cwiseProduct(problem.y).rowwise().sum().transpose().cast<float>();
  const MatrixF yy_sums = problem.moments.yy.diagonal().transpose().cast<float>();
  const Moments one =
      expand_moments(exec, {2000, problem.moments.xx.cast<float>(), xy_sums, yy_sums}, directions.values);
  SolveOptions options;
  options.rank = 8;
  options.directions = &directions;
  const SolveResult by_three = solve(exec, Method::lrc, problem.weight, problem.moments, options);
  const SolveResult by_one = solve(exec, Method::lrc, problem.weight, one, options);
  EXPECT_LT(explicit_loss(problem, by_one, 0), 1.1 * by_three.relative_loss);
}

TEST(ExpandMoments, ThreeMatricesAreTakenAsTheyAreWithDirectionsToo) {
  Execution exec;
  const Problem problem = random_problem(1, 6, 30, 1);
  const auto& [tokens, xx, xy, yy, borrowed] = problem.moments;
  const Moments found =
      expand_moments(exec, {tokens, xx.cast<float>(), xy.cast<float>(), yy.cast<float>()}, MatrixF::Ones(6, 2));
  EXPECT_EQ(found.xy, xy.cast<float>().cast<double>());
  EXPECT_EQ(found.yy, yy.cast<float>().cast<double>());
}

TEST(ExpandMoments, ADeadChannelHasNoSlope) {
  Execution exec;
  MatrixF xx = MatrixF::Identity(2, 2);
  xx(1, 1) = 0;
  const Moments found = expand_moments(exec, {1, xx, MatrixF::Zero(1, 2), MatrixF::Zero(1, 2)});
  EXPECT_TRUE(found.xy.allFinite() && found.yy.allFinite());
  EXPECT_EQ(found.yy(1, 1), 0);
}

}  // namespace
}  // namespace lrc
