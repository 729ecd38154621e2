#include "lrc/quantization/lrc/deflated_step.hpp"

#include <gtest/gtest.h>

#include "lrc/quantization/moments/damped_moments.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

constexpr double kNoDamping = 1e-12;

struct Case {
  Index d_out, d_in, k;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.d_out << "x" << c.d_in << " rank " << c.k; }

class DeflatedStepTest : public testing::TestWithParam<Case> {
 protected:
  DeflatedStepOf<MatrixD> step(double damping) {
    const BranchMoments branch = branch_moments(exec_, problem_.moments.xx, problem_.moments.xy, v_, kNoDamping);
    return deflated_step(exec_, problem_.weight, rest_, problem_.moments, branch, damping);
  }

  // `rows` without what the branch's input explains of them, token by token.
  MatrixD deflated(const MatrixD& rows) const { return rows - least_squares(rows, b_) * b_; }

  Problem problem_ = random_problem(GetParam().d_out, GetParam().d_in, 4 * GetParam().d_in + 10, 1);
  MatrixD v_ = random_matrix(GetParam().d_in, GetParam().k, 2);
  MatrixD rest_ = random_matrix(GetParam().d_out, GetParam().d_in, 3);
  MatrixD b_ = v_.transpose() * problem_.x;
  Execution exec_{2};
};

TEST_P(DeflatedStepTest, TheTargetIsTheBestWeightTogetherWithItsBestLeftFactor) {
  const MatrixD target = step(kNoDamping).target;
  MatrixD inputs(problem_.y.rows() + b_.rows(), problem_.y.cols());
  inputs << problem_.y, b_;
  const MatrixD expected = least_squares(problem_.weight * problem_.x, inputs).leftCols(problem_.y.rows());
  EXPECT_LT((target - expected).norm(), 1e-5 * expected.norm());
}

TEST_P(DeflatedStepTest, TheHessianIsThatOfTheDeflatedActivations) {
  constexpr double kDamping = 0.01;
  const MatrixD y = deflated(problem_.y);
  const MatrixD expected = damped(
      exec_, MatrixD(y * y.transpose() + damped(exec_, problem_.moments.yy, 1e-4 * kDamping) - problem_.moments.yy),
      kDamping);
  const MatrixD root = step(kDamping).root;
  EXPECT_LT((root * root.transpose() - expected).norm(), 1e-6 * expected.norm());
}

// Damping shrinks nothing: it draws Ŵ to what the branch leaves of W.
TEST_P(DeflatedStepTest, WhereNoTokenTellsAnythingTheTargetIsTheRest) {
  const Index d_in = GetParam().d_in;
  problem_.y.row(d_in - 1).setZero();
  problem_.moments.xy.col(d_in - 1).setZero();
  problem_.moments.yy.col(d_in - 1).setZero();
  problem_.moments.yy.row(d_in - 1).setZero();
  const MatrixD target = step(0.01).target;
  EXPECT_LT((target - rest_).col(d_in - 1).norm(), 0.02 * rest_.col(d_in - 1).norm());
}

INSTANTIATE_TEST_SUITE_P(Cases, DeflatedStepTest,
                         testing::Values(Case{1, 2, 1}, Case{2, 7, 1}, Case{7, 3, 2}, Case{35, 19, 5}, Case{19, 35, 5},
                                         Case{20, 10, 0}));

}  // namespace
}  // namespace lrc
