#include "lrc/quantization/lrc/residual.hpp"

#include <gtest/gtest.h>

#include "lrc/linalg/eigen.hpp"
#include "lrc/quantization/lrc/residual_directions.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

SolveOptions options_for(Index rank, int factor_bits, const StoredFactor* directions = nullptr) {
  SolveOptions options;
  options.name = "model.layers.0.self_attn";
  options.rank = rank;
  options.factor_bits = factor_bits;
  options.directions = directions;
  return options;
}

struct Case {
  Index d_out, d_in, k;
  int factor_bits;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.d_out << "x" << c.d_in << " rank " << c.k << " in " << c.factor_bits << " bits";
}

class Residual : public testing::TestWithParam<Case> {
 protected:
  Index k_ = GetParam().k;
  int bits_ = GetParam().factor_bits;
  Problem plain_ = outlier_problem(GetParam().d_out, GetParam().d_in, 3 * GetParam().d_in + 50, 1);
  Execution exec_{2};
  StoredFactor directions_ =
      stored_factor(residual_directions(exec_, plain_.weight, plain_.moments.xx, k_, 0.01), bits_);
  Problem problem_ = residual_problem(plain_, directions_.values.cast<double>());
  SolveOptions options_ = options_for(k_, bits_, &directions_);
};

TEST_P(Residual, ReportsTheLossOfWhatItStoresWithTheDirectionsAsItsRightFactor) {
  const SolveResult result = solve(exec_, Method::lrc, problem_.weight, problem_.moments, options_);
  EXPECT_EQ(result.v.values, directions_.values);
  ASSERT_EQ(result.v.codes.cols(), directions_.codes.cols());
  EXPECT_EQ(result.v.codes, directions_.codes);
  EXPECT_EQ(result.v.scales, directions_.scales);
  ASSERT_EQ(result.u.codes.cols(), bits_ == 8 ? k_ : 0);
  for (Index j = 0; j < result.u.codes.cols(); ++j) {
    EXPECT_EQ(MatrixF(result.u.codes.col(j).cast<float>() * result.u.scales(0, j)), MatrixF(result.u.values.col(j)));
  }
  const double expected = explicit_loss(problem_, result, 0);
  EXPECT_NEAR(result.relative_loss, expected, 1e-9 * (1 + expected));
  EXPECT_EQ(result.damping, 0.01);
}

TEST_P(Residual, NoOtherLeftFactorIsMuchBetter) {
  const SolveResult result = solve(exec_, Method::lrc, problem_.weight, problem_.moments, options_);
  const MatrixD codes = dequantized(result.codes, result.scales, result.zero_points, 0).cast<double>();
  const MatrixD e = directions_.values.cast<double>();
  const MatrixD least = least_squares(problem_.weight * problem_.x - codes * problem_.y, e.transpose() * problem_.x);
  const double least_loss = explicit_loss(problem_, codes, least, e);
  EXPECT_LE(result.relative_loss, least_loss + (bits_ == 8 ? 2e-4 : 1e-6));
}

TEST_P(Residual, GivesTheSameBitsOnAnyNumberOfThreads) {
  const SolveResult expected = solve(exec_, Method::lrc, problem_.weight, problem_.moments, options_);
  for (const int threads : {1, 3}) {
    Execution exec(threads);
    const SolveResult found = solve(exec, Method::lrc, problem_.weight, problem_.moments, options_);
    EXPECT_EQ(found.codes, expected.codes);
    EXPECT_EQ(found.u.values, expected.u.values);
    EXPECT_EQ(found.relative_loss, expected.relative_loss);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Residual,
                         testing::Values(Case{1, 2, 1, 16}, Case{3, 7, 1, 8}, Case{20, 9, 2, 16}, Case{60, 40, 5, 8},
                                         Case{40, 70, 9, 16}, Case{300, 130, 16, 8}, Case{9, 20, 0, 16}));

// What residual activations are for: at the same rank far below the paper's form where the inputs have a heavy mean.
TEST(ResidualSolve, BeatsThePapersFormOnInputsWithAHeavyMean) {
  Execution exec(2);
  const Problem plain = outlier_problem(96, 64, 600, 5);
  const double paper = solve(exec, Method::lrc, plain.weight, plain.moments, options_for(6, 16)).relative_loss;
  const StoredFactor e = stored_factor(residual_directions(exec, plain.weight, plain.moments.xx, 6, 0.01), 16);
  const Problem residual = residual_problem(plain, e.values.cast<double>());
  const SolveResult result = solve(exec, Method::lrc, residual.weight, residual.moments, options_for(6, 16, &e));
  EXPECT_LT(result.relative_loss, 0.7 * paper);
}

// An expert that few tokens reached: the sums, rounded to fp32 as they are stored, say nothing of most directions, and
// there the branch is W E, which is right for any input.
TEST(ResidualSolve, WhereTheDataHasNoSayTheBranchPassesItsInputOn) {
  Execution exec(2);
  const Problem plain = outlier_problem(12, 30, 4, 7);
  const StoredFactor e = stored_factor(leading_eigenvectors(exec, plain.moments.xx, 10).vectors, 16);
  Problem problem = residual_problem(plain, e.values.cast<double>());
  for (MatrixD* moments : {&problem.moments.xx, &problem.moments.xy, &problem.moments.yy}) {
    *moments = moments->cast<float>().cast<double>().eval();
  }
  const SolveResult result = solve(exec, Method::lrc, problem.weight, problem.moments, options_for(10, 16, &e));
  const MatrixD passed_on = problem.weight * e.values.cast<double>();
  EXPECT_LT((result.u.values.cast<double>() - passed_on).rightCols(6).norm(), 0.05 * passed_on.rightCols(6).norm());
  EXPECT_TRUE(result.by_rounding);  // the directions take out all that these tokens have
}

// Rows of a stack are independent of each other once E is given.
TEST(ResidualSolve, AStackIsItsLinearsOneBelowTheOther) {
  Execution exec(2);
  const Problem plain = outlier_problem(50, 33, 300, 6);
  const MatrixD e = residual_directions(exec, plain.weight, plain.moments.xx, 7, 0.01);
  const StoredFactor directions = stored_factor(e, 16);
  const Problem problem = residual_problem(plain, directions.values.cast<double>());
  const SolveOptions options = options_for(7, 16, &directions);
  const SolveResult whole = solve(exec, Method::lrc, problem.weight, problem.moments, options);
  const MatrixD lower = problem.weight.bottomRows(20);
  const SolveResult part = solve(exec, Method::lrc, lower, problem.moments, options);
  EXPECT_EQ(part.codes, whole.codes.bottomRows(20));
  EXPECT_LT((part.u.values - whole.u.values.bottomRows(20)).norm(), 1e-3 * part.u.values.norm());
}

class EightBits : public testing::TestWithParam<Method> {};

TEST_P(EightBits, CostLittleAtTheSameRankAndWinAtTwiceTheRank) {
  Execution exec(2);
  const Problem problem = outlier_problem(80, 50, 400, 7);
  const auto solved = [&](Index rank, int bits) {
    return solve(exec, GetParam(), problem.weight, problem.moments, options_for(rank, bits));
  };
  const SolveResult eight = solved(6, 8);
  const double sixteen = solved(6, 16).relative_loss;
  EXPECT_LT(eight.relative_loss, 1.02 * sixteen);
  EXPECT_LT(solved(12, 8).relative_loss, 0.97 * sixteen);
  EXPECT_NEAR(eight.relative_loss, explicit_loss(problem, eight, 0), 1e-9);
  ASSERT_EQ(eight.v.codes.cols(), 6);
  for (Index j = 0; j < 6; ++j) {
    EXPECT_EQ(MatrixF(eight.v.codes.col(j).cast<float>() * eight.v.scales(0, j)), MatrixF(eight.v.values.col(j)));
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, EightBits, testing::Values(Method::svd, Method::lrc));

TEST(DeflatedSolve, IsAnOptionOfThePapersForm) {
  Execution exec(2);
  const Problem problem = outlier_problem(80, 50, 400, 8);
  SolveOptions options = options_for(6, 16);
  const SolveResult held = solve(exec, Method::lrc, problem.weight, problem.moments, options);
  options.deflated = true;
  const SolveResult deflated = solve(exec, Method::lrc, problem.weight, problem.moments, options);
  EXPECT_NE(deflated.codes, held.codes);
  EXPECT_LT(deflated.relative_loss, 1.01 * held.relative_loss);
  EXPECT_NEAR(deflated.relative_loss, explicit_loss(problem, deflated, 0), 1e-9);
}

}  // namespace
}  // namespace lrc
