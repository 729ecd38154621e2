#include "lrc/quantization/balance.hpp"

#include <gtest/gtest.h>

#include "quantization/problem.hpp"

namespace lrc {
namespace {

const std::vector<Index> kRows{6, 4, 9};

std::vector<double> squares_of(const MatrixD& weight) {
  std::vector<double> squares;
  Index first = 0;
  for (const Index rows : kRows) {
    squares.push_back(weight.middleRows(first, rows).squaredNorm());
    first += rows;
  }
  return squares;
}

// As a run solves a stack.
SolveResult solved(const Problem& problem, int factor_bits) {
  Execution exec;
  const VectorF sizes = part_sizes(squares_of(problem.weight), kRows);
  MatrixD weight = problem.weight;
  multiply_by_size(weight, sizes.cwiseInverse(), kRows);
  SolveResult result =
      solve(exec, Method::lrc, weight, problem.moments, {.name = "stack", .rank = 5, .factor_bits = factor_bits});
  multiply_by_size(result, sizes, kRows);
  return result;
}

TEST(Balance, SizesArePowersOfTwoAndOneWhereLinearsAreAlike) {
  EXPECT_EQ(part_sizes({6, 4, 9}, kRows), VectorF::Ones(3));
  EXPECT_EQ(part_sizes({7}, {3}), VectorF::Ones(1));
  EXPECT_EQ(part_sizes({0, 0, 0}, kRows), VectorF::Ones(3));
  const VectorF sizes = part_sizes({6e4, 4, 0}, kRows);
  EXPECT_EQ(sizes(0), 1);
  EXPECT_EQ(sizes(1), 0x1p-7F);  // 1 a row against 1e4: a hundredth
  EXPECT_EQ(sizes(2), 1);
}

// q times f and k over f are the same function: what is lost of each does not depend on f.
TEST(Balance, LossesOfEachLinearDoNotDependOnTheirSizes) {
  for (const int bits : {8, 16}) {
    Problem problem = random_problem(19, 24, 200, 4);
    const SolveResult expected = solved(problem, bits);
    problem.weight.topRows(6) *= 1024;
    problem.weight.bottomRows(9) /= 256;
    const SolveResult found = solved(problem, bits);
    Index first = 0;
    for (const Index rows : kRows) {
      EXPECT_NEAR(found.losses.relative(first, rows), expected.losses.relative(first, rows), 1e-12) << bits;
      first += rows;
    }
    EXPECT_NEAR(found.relative_loss, explicit_loss(problem, found, 0), 1e-9);
  }
}

TEST(Balance, SaysHowUIsStored) {
  Problem problem = random_problem(19, 24, 200, 4);
  problem.weight.topRows(6) *= 64;
  const SolveResult result = solved(problem, 8);
  ASSERT_EQ(result.u_sizes.cols(), 3);
  Index first = 0;
  for (Index i = 0; i < 3; ++i) {
    const Index rows = kRows[static_cast<std::size_t>(i)];
    const MatrixF codes = result.u.codes.middleRows(first, rows).cast<float>();
    EXPECT_EQ(result.u.values.middleRows(first, rows),
              result.u_sizes(0, i) * (codes * result.u.scales.row(0).asDiagonal()));
    first += rows;
  }
}

// The estimate of what GPTQ alone loses is near what it does lose, and below.
TEST(Uncorrected, IsNearTheLossOfGptq) {
  Execution exec;
  const Problem problem = random_problem(40, 32, 400, 8);
  const SolveResult corrected = solve(exec, Method::lrc, problem.weight, problem.moments, {.name = "a", .rank = 4});
  const SolveResult gptq = solve(exec, Method::gptq, problem.weight, problem.moments, {.name = "a"});
  const double estimate = corrected.uncorrected.sum() / corrected.losses.power.sum();
  EXPECT_LT(estimate, 1.1 * gptq.relative_loss);
  EXPECT_GT(estimate, 0.7 * gptq.relative_loss);
  EXPECT_LT(corrected.relative_loss, estimate);
}

}  // namespace
}  // namespace lrc
