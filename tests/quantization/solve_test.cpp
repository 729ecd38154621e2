#include "lrc/quantization/solve.hpp"

#include <gtest/gtest.h>

#include "lrc/core/log.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

SolveOptions options_for(Index rank, Index iterations = 1) {
  SolveOptions options;
  options.name = "model.layers.0.mlp.down_proj";
  options.rank = rank;
  options.iterations = iterations;
  return options;
}

struct Case {
  Index d_out, d_in, rank, group_size;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.d_out << "x" << c.d_in << " rank " << c.rank << " groups of " << c.group_size;
}

class Solve : public testing::TestWithParam<Case> {
 protected:
  Solve() { options_.grid.group_size = GetParam().group_size; }

  Problem problem_ = random_problem(GetParam().d_out, GetParam().d_in, 2 * GetParam().d_in + 20, 1);
  SolveOptions options_ = options_for(GetParam().rank, 2);
};

TEST_P(Solve, ReportsTheLossOfWhatItStoresInTheShapesItPromises) {
  Execution exec(2);
  for (const Method method : {Method::rtn, Method::gptq, Method::svd, Method::lrc}) {
    const SolveResult result = solve(exec, method, problem_.weight, problem_.moments, options_);
    const Index rank = method == Method::svd || method == Method::lrc ? GetParam().rank : 0;
    EXPECT_EQ(result.codes.rows(), GetParam().d_out);
    EXPECT_EQ(result.codes.cols(), GetParam().d_in);
    EXPECT_EQ(result.scales.cols(), options_.grid.groups(GetParam().d_in));
    EXPECT_EQ(result.u.values.cols(), rank);
    EXPECT_EQ(result.v.values.cols(), rank);
    EXPECT_EQ(result.damping, method == Method::rtn ? 0 : options_.damping);
    EXPECT_EQ(result.iterations_done, method == Method::lrc ? 2 : 0);
    const double expected = explicit_loss(problem_, result, GetParam().group_size);
    EXPECT_NEAR(result.relative_loss, expected, 1e-9 * (1 + expected));
  }
}

TEST_P(Solve, GivesTheSameBitsOnAnyNumberOfThreads) {
  Execution one(1);
  const SolveResult expected = solve(one, Method::lrc, problem_.weight, problem_.moments, options_);
  for (const int threads : {2, 3}) {
    Execution exec(threads);
    const SolveResult found = solve(exec, Method::lrc, problem_.weight, problem_.moments, options_);
    EXPECT_EQ(found.codes, expected.codes);
    EXPECT_EQ(found.scales, expected.scales);
    EXPECT_EQ(found.u.values, expected.u.values);
    EXPECT_EQ(found.v.values, expected.v.values);
    EXPECT_EQ(found.relative_loss, expected.relative_loss);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Solve,
                         testing::Values(Case{1, 1, 1, 0}, Case{2, 7, 1, 3}, Case{7, 2, 2, 0}, Case{40, 130, 6, 128},
                                         Case{130, 40, 6, 0}, Case{64, 64, 0, 0}, Case{257, 300, 20, 0}));

TEST(SolveMethods, EachIsBetterThanTheOneBefore) {
  Execution exec(2);
  for (const auto& [d_out, d_in] : {std::pair<Index, Index>{60, 40}, {40, 60}, {50, 50}}) {
    const Problem problem = random_problem(d_out, d_in, 400, 7);
    double before = std::numeric_limits<double>::infinity();
    for (const Method method : {Method::rtn, Method::gptq, Method::svd, Method::lrc}) {
      const double loss = solve(exec, method, problem.weight, problem.moments, options_for(5)).relative_loss;
      EXPECT_LT(loss, before) << "method " << static_cast<int>(method) << ", " << d_out << "x" << d_in;
      before = loss;
    }
  }
}

TEST(SolveMethods, FactorsInBfloat16AreWhatTheLossIsOf) {
  Execution exec(2);
  const Problem problem = random_problem(24, 40, 200, 5);
  SolveOptions options = options_for(7);
  options.factor_dtype = Dtype::bf16;
  for (const Method method : {Method::svd, Method::lrc}) {
    const SolveResult result = solve(exec, method, problem.weight, problem.moments, options);
    for (const MatrixF* factor : {&result.u.values, &result.v.values}) {
      for (Index i = 0; i < factor->size(); ++i)
        EXPECT_EQ(factor->data()[i], rounded_to(Dtype::bf16, factor->data()[i]));
    }
    EXPECT_NEAR(result.relative_loss, explicit_loss(problem, result, 0), 1e-9);
  }
}

TEST(SolveMethods, LossFallsAsTheRankGrows) {
  Execution exec(2);
  const Problem problem = random_problem(60, 50, 400, 8);
  for (const Method method : {Method::svd, Method::lrc}) {
    double before = std::numeric_limits<double>::infinity();
    for (const Index rank : {0, 2, 5, 12, 25, 50}) {
      const double loss = solve(exec, method, problem.weight, problem.moments, options_for(rank)).relative_loss;
      EXPECT_LT(loss, before) << "rank " << rank;
      before = loss;
    }
  }
}

TEST(SolveMethods, MoreIterationsAreNeverWorse) {
  Execution exec(2);
  const Problem problem = random_problem(60, 50, 400, 9);
  double before = std::numeric_limits<double>::infinity();
  for (const Index iterations : {1, 2, 5, 10}) {
    const SolveResult result = solve(exec, Method::lrc, problem.weight, problem.moments, options_for(5, iterations));
    EXPECT_LE(result.relative_loss, before);
    EXPECT_EQ(result.iterations_done, iterations);
    before = result.relative_loss;
  }
}

class SolveFailures : public testing::Test {
 protected:
  SolveFailures() { set_log_enabled(false); }
  ~SolveFailures() override { set_log_enabled(true); }

  std::string message_of(Method method) {
    try {
      solve(exec_, method, problem_.weight, problem_.moments, options_);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  Problem problem_ = random_problem(10, 20, 100, 10);
  SolveOptions options_ = options_for(2);
  Execution exec_{2};
};

TEST_F(SolveFailures, ASingularHessianRaisesTheDampingAndReportsIt) {
  for (MatrixD* moments : {&problem_.moments.xx, &problem_.moments.xy, &problem_.moments.yy}) {
    moments->row(3).setZero();
    moments->col(3).setZero();
  }
  options_.damping = 0;
  for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
    const SolveResult result = solve(exec_, method, problem_.weight, problem_.moments, options_);
    EXPECT_DOUBLE_EQ(result.damping, 1e-8);
    EXPECT_LT(result.relative_loss, 0.1);
  }
}

TEST_F(SolveFailures, AnIndefiniteHessianRaisesTheDampingTenfoldUntilItSuffices) {
  problem_.moments.xx = MatrixD::Identity(20, 20);
  problem_.moments.xx(0, 0) = -0.05;
  options_.damping = 0.01;
  EXPECT_DOUBLE_EQ(solve(exec_, Method::gptq, problem_.weight, problem_.moments, options_).damping, 0.1);
}

TEST_F(SolveFailures, MomentsThatAreNotFiniteAreAnErrorThatNamesTheLinear) {
  problem_.moments.xx(2, 2) = problem_.moments.yy(2, 2) = std::nan("");
  for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
    EXPECT_NE(message_of(method).find("model.layers.0.mlp.down_proj"), std::string::npos) << message_of(method);
    EXPECT_NE(message_of(method).find("damping of 1"), std::string::npos) << message_of(method);
  }
}

TEST_F(SolveFailures, CrossMomentsThatAreNotFiniteAreAnErrorAtAnyRank) {
  problem_.moments.xy(2, 2) = std::nan("");
  for (const Index rank : {0, 2}) {
    options_.rank = rank;
    for (const Method method : {Method::svd, Method::lrc})
      EXPECT_NE(message_of(method).find("model.layers.0.mlp.down_proj: "), std::string::npos) << message_of(method);
  }
}

// What is known is the weight alone.
TEST_F(SolveFailures, NoCalibrationDataLeavesRoundingToNearest) {
  problem_.moments = {0, MatrixD::Zero(20, 20), MatrixD::Zero(20, 20), MatrixD::Zero(20, 20)};
  const SolveResult expected = solve(exec_, Method::rtn, problem_.weight, problem_.moments, options_);
  EXPECT_FALSE(expected.by_rounding);
  for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
    const SolveResult result = solve(exec_, method, problem_.weight, problem_.moments, options_);
    EXPECT_TRUE(result.by_rounding);
    EXPECT_EQ(result.codes, expected.codes);
    EXPECT_EQ(result.scales, expected.scales);
    EXPECT_EQ(result.u.values.cols(), method == Method::gptq ? 0 : options_.rank);
    EXPECT_EQ(result.u.values.cwiseAbs().sum() + result.v.values.cwiseAbs().sum(), 0);
  }
}

// With directions U carries what the codes do not see.
TEST_F(SolveFailures, WithoutDataDirectionsStillCarryTheirPart) {
  const StoredFactor directions = stored_factor(MatrixD(MatrixD::Identity(20, 2)), 16);
  options_.directions = &directions;
  problem_.moments = {0, MatrixD::Zero(20, 20), MatrixD::Zero(20, 20), MatrixD::Zero(20, 20)};
  const SolveResult result = solve(exec_, Method::lrc, problem_.weight, problem_.moments, options_);
  EXPECT_LT((result.u.values.cast<double>() - problem_.weight.leftCols(2)).norm(), 1e-3 * problem_.weight.norm());
}

// Of three tokens nearly all directions are unseen: the weight stays what it is there.
TEST_F(SolveFailures, FewTokensLeaveTheWeightWhereTheySayNothing) {
  const StoredFactor directions = stored_factor(MatrixD(MatrixD::Identity(20, 1)), 16);
  options_.directions = &directions;
  options_.rank = 1;
  const Problem few = residual_problem(random_problem(problem_.weight.rows(), 20, 3, 7), MatrixD::Identity(20, 1));
  const SolveResult result = solve(exec_, Method::lrc, few.weight, few.moments, options_);
  const MatrixD rest = few.weight.rightCols(19);
  const MatrixD found = dequantized(result.codes, result.scales, result.zero_points, 0).cast<double>().rightCols(19);
  EXPECT_LT((found - rest).norm(), 0.3 * rest.norm());
}

// Moments of one input direction, rounded as fp32 rounds: indefinite by more than any damping of their mean makes good.
TEST_F(SolveFailures, MomentsThatNoDampingMakesRegularLeaveRoundingToNearest) {
  problem_.moments.xx = problem_.moments.yy = -MatrixD::Identity(20, 20);
  EXPECT_TRUE(solve(exec_, Method::gptq, problem_.weight, problem_.moments, options_).by_rounding);
}

TEST(SolveWorkspace, GrowsWithTheMatricesThatAreHeld) {
  EXPECT_GE(solve_workspace_bytes(Method::lrc, 100, 1000, 10), 3 * 8e6);
  EXPECT_LT(solve_workspace_bytes(Method::rtn, 100, 1000, 0), solve_workspace_bytes(Method::gptq, 100, 1000, 0));
}

}  // namespace
}  // namespace lrc
