#include "lrc/quantization/rank_gains.hpp"

#include <gtest/gtest.h>

#include "lrc/quantization/damped_moments.hpp"
#include "lrc/quantization/lrc_steps.hpp"
#include "lrc/quantization/residual_directions.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

constexpr double kNoDamping = 1e-12;

// The loss of the best U, V of this rank and the best matrix in place of Ŵ, times ‖W X‖².
double relaxed_loss(Execution& exec, const Problem& problem, Index k) {
  const MatrixD yy_root = damped_root(exec, problem.moments.yy, kNoDamping);
  const LowRank best = initial_correction(exec, problem.weight, problem.moments, yy_root, kNoDamping, k);
  const MatrixD relaxed = quantize_target(exec, problem.weight, best, problem.moments, yy_root, kNoDamping);
  return explicit_loss(problem, relaxed, best.u, best.v) * (problem.weight * problem.x).squaredNorm();
}

TEST(RelaxedGains, AreWhatEachRankTakesOffTheLoss) {
  Execution exec(2);
  for (const auto& [d_out, d_in] : {std::pair<Index, Index>{9, 6}, {5, 12}, {1, 3}}) {
    const Problem problem = random_problem(d_out, d_in, 100, 1);
    const Index most = std::min(d_out, d_in);
    const VectorD gains = relaxed_gains(exec, problem.weight, problem.moments, kNoDamping, most);
    ASSERT_EQ(gains.size(), most);
    const double whole = relaxed_loss(exec, problem, 0);
    double before = whole;
    for (Index k = 0; k < most; ++k) {
      const double after = relaxed_loss(exec, problem, k + 1);
      EXPECT_NEAR(gains(k), before - after, 1e-5 * whole) << d_out << "x" << d_in << " rank " << k + 1;
      before = after;
    }
  }
}

// The estimate needs not be exact: it has to put ranks of different stacks in order.
TEST(ResidualGains, ForetellTheNoiseThatDirectionsTakeAway) {
  Execution exec(2);
  const Problem plain = outlier_problem(80, 64, 1500, 2);
  const double noise = (plain.y - plain.x).squaredNorm() / plain.x.squaredNorm();
  const VectorD gains = residual_gains(exec, plain.weight, plain.moments.xx, noise, 16);
  const auto noise_cost = [&](Index k) {
    const MatrixD e = residual_directions(exec, Directions::pca, plain.weight, plain.moments.xx, k, 0.01);
    const MatrixD seen = plain.x - e * (e.transpose() * plain.x);
    return (plain.weight * (seen - quantized_tokens(seen))).squaredNorm();
  };
  for (const auto& [from, to] : {std::pair<Index, Index>{0, 1}, {1, 4}, {4, 16}}) {
    const double foretold = gains.segment(from, to - from).sum(), found = noise_cost(from) - noise_cost(to);
    EXPECT_GT(found, 0.5 * foretold) << from;
    EXPECT_LT(found, 2.0 * foretold) << from;
  }
}

TEST(RoundingNoise, ForetellsThatOfGaussianTokens) {
  constexpr Index kChannels = 96, kTokens = 400;
  const MatrixD x = random_matrix(kChannels, kTokens, 3);
  for (const auto& [bits, clip] : {std::pair{4, 1.0}, {4, 0.9}, {6, 1.0}}) {
    double noise = 0;
    for (Index token = 0; token < kTokens; ++token) {
      const double step = clip * x.col(token).cwiseAbs().maxCoeff() / (std::ldexp(1.0, bits - 1) - 1);
      noise += (x.col(token) - step * (x.col(token) / step).array().round().matrix()).squaredNorm();
    }
    const double foretold = rounding_noise(bits, clip, kChannels);
    EXPECT_NEAR(foretold, noise / x.squaredNorm(), 0.5 * foretold) << bits << " bits, clip " << clip;
  }
  EXPECT_EQ(rounding_noise(16, 1, kChannels), 0);
}

}  // namespace
}  // namespace lrc
