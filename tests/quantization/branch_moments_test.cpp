#include "lrc/quantization/moments/branch_moments.hpp"

#include <gtest/gtest.h>

#include "lrc/linalg/cholesky.hpp"
#include "lrc/quantization/lrc/stored_refit.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

struct Case {
  Index d_out, d_in, k;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.d_out << "x" << c.d_in << " rank " << c.k; }

class BranchMomentsTest : public testing::TestWithParam<Case> {
 protected:
  BranchMoments moments_of(const MatrixD& v, double damping) {
    return branch_moments(exec_, problem_.moments.xx, problem_.moments.xy, v, damping);
  }

  Index d_out_ = GetParam().d_out, d_in_ = GetParam().d_in, k_ = GetParam().k;
  Problem problem_ = random_problem(d_out_, d_in_, 4 * d_in_ + 10, 1);
  MatrixD quantized_ = problem_.weight + 0.1 * random_matrix(d_out_, d_in_, 5);
  MatrixD v_ = random_matrix(d_in_, k_, 6);
  MatrixD start_ = random_matrix(d_out_, k_, 7);
  Execution exec_{2};
};

TEST_P(BranchMomentsTest, AreThoseOfTheBranchsInput) {
  const auto [xb, yb, bb, root] = moments_of(v_, 0.01);
  const MatrixD b = v_.transpose() * problem_.x;
  EXPECT_LT((xb - problem_.x * b.transpose()).norm(), 1e-9 * xb.norm() + 1e-12);
  EXPECT_LT((yb - problem_.y * b.transpose()).norm(), 1e-9 * yb.norm() + 1e-12);
  EXPECT_LT((bb - b * b.transpose()).norm(), 1e-9 * bb.norm() + 1e-12);
  MatrixD raised = b * b.transpose();
  const double raise = 1e-4 * problem_.moments.xx.trace() / static_cast<double>(d_in_);
  for (Index j = 0; j < k_; ++j) raised(j, j) += raise * v_.col(j).squaredNorm();
  EXPECT_LT((root * root.transpose() - raised).norm(), 1e-9 * raised.norm() + 1e-12);
}

TEST_P(BranchMomentsTest, FittedLeftFactorIsTheLeastSquaresSolution) {
  const MatrixD u = fitted_left_factor(exec_, problem_.weight, quantized_, moments_of(v_, 0), start_);
  const MatrixD rest = problem_.weight * problem_.x - quantized_ * problem_.y;
  const MatrixD expected = least_squares(rest, v_.transpose() * problem_.x);
  EXPECT_LT((u - expected).norm(), 1e-7 * expected.norm() + 1e-12);
}

TEST_P(BranchMomentsTest, FittedLeftFactorIsNeverWorseThanItsStart) {
  for (const double damping : {0.01, 1.0, 1e6}) {
    const MatrixD u = fitted_left_factor(exec_, problem_.weight, quantized_, moments_of(v_, damping), start_);
    const double before = explicit_loss(problem_, quantized_, start_, v_);
    EXPECT_LE(explicit_loss(problem_, quantized_, u, v_), before * (1 + 1e-12));
  }
}

TEST_P(BranchMomentsTest, RefittingToTheStoredRightFactorIsNeverWorseThanRoundingBoth) {
  const LowRank correction{0.1 * start_, v_};
  const StoredLowRank rounded = stored(exec_, correction, 8);
  const StoredLowRank refitted =
      stored_with_refit(exec_, problem_.weight, quantized_, problem_.moments.xx, problem_.moments.xy, correction,
                        {.damping = 0.01, .factor_bits = 8});
  EXPECT_EQ(refitted.v.codes, rounded.v.codes);
  const auto loss_of = [&](const StoredLowRank& factors) {
    return explicit_loss(problem_, quantized_, factors.u.values.cast<double>(), factors.v.values.cast<double>());
  };
  if (k_ == 0) return;
  EXPECT_LT(loss_of(refitted), loss_of(rounded));
}

INSTANTIATE_TEST_SUITE_P(Cases, BranchMomentsTest,
                         testing::Values(Case{1, 1, 1}, Case{2, 7, 1}, Case{7, 2, 2}, Case{35, 19, 5}, Case{19, 35, 5},
                                         Case{20, 10, 0}));

TEST(BranchMoments, ZeroAndRepeatedDirectionsDoNoHarm) {
  Execution exec;
  const Problem problem = random_problem(6, 9, 50, 2);
  MatrixD v = random_matrix(9, 4, 3);
  v.col(1).setZero();
  v.col(3) = v.col(0);
  const BranchMoments branch = branch_moments(exec, problem.moments.xx, problem.moments.xy, v, 0.01);
  const MatrixD quantized = MatrixD::Zero(6, 9);
  const MatrixD u = fitted_left_factor(exec, problem.weight, quantized, branch, MatrixD(MatrixD::Zero(6, 4)));
  MatrixD independent(9, 2);
  independent << v.col(0), v.col(2);
  const MatrixD b = independent.transpose() * problem.x;
  const MatrixD least = least_squares(problem.weight * problem.x, b);
  const MatrixD zero = MatrixD::Zero(6, 9);
  EXPECT_NEAR(explicit_loss(problem, zero, u, v), explicit_loss(problem, zero, least, independent), 1e-6);
  EXPECT_THROW(branch_moments(exec, MatrixD(-problem.moments.xx), problem.moments.xy, v, 0.01), CholeskyFailure);
}

}  // namespace
}  // namespace lrc
