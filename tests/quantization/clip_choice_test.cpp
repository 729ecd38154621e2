#include "lrc/quantization/clip_choice.hpp"

#include <gtest/gtest.h>

#include "lrc/quantization/residual_directions.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

ClipCandidate sums_of(const MatrixD& x, const MatrixD& y) {
  return {x.cwiseProduct(y).rowwise().sum(), y.rowwise().squaredNorm()};
}

TEST(ClipCost, IsTheLossOfTellingEveryChannelFromItsOwnQuantizedValue) {
  const Problem problem = random_problem(4, 6, 80, 1);
  MatrixD told(6, 80);
  for (Index j = 0; j < 6; ++j) {
    told.row(j) = least_squares(problem.x.row(j), problem.y.row(j))(0, 0) * problem.y.row(j);
  }
  double expected = 0;
  for (Index j = 0; j < 6; ++j) {
    expected += problem.weight.col(j).squaredNorm() * (problem.x.row(j) - told.row(j)).squaredNorm();
  }
  const VectorD powers = problem.weight.colwise().squaredNorm(), xx = problem.x.rowwise().squaredNorm();
  EXPECT_NEAR(clip_cost(powers, xx, sums_of(problem.x, problem.y)), expected, 1e-9 * expected);
}

TEST(ClipCost, AChannelWithoutSignalCostsWhatItHolds) {
  const VectorD one = VectorD::Ones(1), zero = VectorD::Zero(1);
  EXPECT_EQ(clip_cost(one, 3 * one, {zero, zero}), 3);
  EXPECT_EQ(clip_cost(one, 3 * one, {zero, 5 * one}), 3);
  EXPECT_EQ(clip_cost(one, one, {1.0000001 * one, one}), 0);
}

TEST(ResidualPowers, AreTheEnergiesOfWhatIsQuantized) {
  Execution exec(2);
  for (const auto& [d_in, k] : {std::pair<Index, Index>{1, 1}, {7, 3}, {40, 0}}) {
    const Problem problem = random_problem(1, d_in, 90, 2);
    const MatrixF e = (0.5 * random_matrix(d_in, k, 3)).cast<float>();
    const MatrixD seen = problem.x - e.cast<double>() * (e.cast<double>().transpose() * problem.x);
    const VectorD expected = seen.rowwise().squaredNorm();
    EXPECT_LT((residual_powers(exec, problem.moments.xx, e) - expected).norm(), 1e-9 * expected.norm());
  }
}

// The choice costs little against solving with every candidate and taking the best.
class ChooseClip : public testing::TestWithParam<Index> {};

TEST_P(ChooseClip, IsNearlyThatOfTheFullSolve) {
  Execution exec(2);
  for (const unsigned seed : {1U, 2U, 3U}) {
    Problem problem = outlier_problem(70, 60, 900, seed);
    const MatrixD e = residual_directions(exec, Directions::pca, problem.weight, problem.moments.xx, GetParam(), 0.01);
    const StoredFactor directions = stored_factor(e, 8);
    const MatrixD stored = directions.values.cast<double>(),
                  seen = problem.x - stored * (stored.transpose() * problem.x);
    SolveOptions options;
    options.rank = GetParam();
    options.directions = &directions;
    std::vector<ClipCandidate> candidates;
    std::vector<double> losses;
    for (const double clip : {0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}) {
      problem.y = quantized_tokens(seen, clip);
      problem.moments.xy = problem.x * problem.y.transpose();
      problem.moments.yy = problem.y * problem.y.transpose();
      candidates.push_back(sums_of(seen, problem.y));
      losses.push_back(solve(exec, Method::lrc, problem.weight, problem.moments, options).relative_loss);
    }
    const VectorD powers = residual_powers(exec, problem.moments.xx, directions.values);
    const Index chosen = choose_clip(problem.weight, powers, candidates);
    const double best = *std::min_element(losses.begin(), losses.end());
    EXPECT_LT(losses[chosen], 1.05 * best) << "candidate " << chosen;
    EXPECT_LT(1.04 * losses[chosen], losses.back());
    EXPECT_LT(1.5 * losses[chosen], losses.front());
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, ChooseClip, testing::Values(0, 6, 15));

}  // namespace
}  // namespace lrc
