#include "lrc/quantization/lrc/residual_directions.hpp"

#include <gtest/gtest.h>

#include <Eigen/SVD>

#include "quantization/problem.hpp"

namespace lrc {
namespace {

constexpr double kNoDamping = 1e-13;

MatrixD projector(const MatrixD& orthonormal) { return orthonormal * orthonormal.transpose(); }

// The projector onto the leading left singular vectors of `a`.
MatrixD leading_projector(const MatrixD& a, Index k) {
  if (k == 0) return MatrixD::Zero(a.rows(), a.rows());
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(a, Eigen::ComputeThinU);
  return projector(svd.matrixU().leftCols(k));
}

// The projector onto the row space of the best rank-k approximation of W X: of Uᵀ W.
MatrixD row_space_projector(const MatrixD& weight, const MatrixD& x, Index k) {
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(weight * x, Eigen::ComputeThinU);
  return leading_projector(weight.transpose() * svd.matrixU().leftCols(k), k);
}

struct Case {
  Index d_out, d_in, k;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.d_out << "x" << c.d_in << " rank " << c.k; }

class ResidualDirections : public testing::TestWithParam<Case> {
 protected:
  MatrixD directions(Execution& exec) {
    return residual_directions(exec, problem_.weight, problem_.moments.xx, k_, kNoDamping);
  }

  // `leading` directions of the data, then the weighted ones of what those leave.
  MatrixD joined_projector(Index leading) const {
    const MatrixD first = leading_projector(problem_.x, leading);
    const MatrixD rest = problem_.weight * (MatrixD::Identity(first.rows(), first.rows()) - first);
    return first + row_space_projector(rest, problem_.x, k_ - leading);
  }

  Index k_ = GetParam().k;
  Problem problem_ = random_problem(GetParam().d_out, GetParam().d_in, 2 * GetParam().d_in + 20, 1);
  Execution exec_{2};
};

TEST_P(ResidualDirections, AreLeadingOnesOfTheDataThenOfWhatTheWeightsMakeOfTheRest) {
  const Index leading = std::max((k_ + 1) / 2, k_ - GetParam().d_out);
  EXPECT_LT((projector(directions(exec_)) - joined_projector(leading)).norm(), 1e-7);
}

TEST_P(ResidualDirections, AreOrthonormalWithTheSameBitsOnAnyNumberOfThreads) {
  Execution three(3);
  const MatrixD e = directions(exec_);
  EXPECT_LT((e.transpose() * e - MatrixD::Identity(k_, k_)).norm(), 1e-10);
  EXPECT_EQ(directions(three), e);
}

INSTANTIATE_TEST_SUITE_P(Cases, ResidualDirections,
                         testing::Values(Case{1, 1, 1}, Case{3, 7, 1}, Case{9, 4, 3}, Case{40, 23, 7}, Case{23, 40, 7},
                                         Case{20, 130, 6}, Case{30, 20, 0}, Case{5, 30, 8}, Case{5, 30, 17}));

TEST(Orthonormalized, KeepsTheSpanOfIllConditionedColumns) {
  Execution exec;
  MatrixD v = random_matrix(50, 4, 1);
  v.col(1) = v.col(0) + 1e-4 * v.col(1);
  v.col(2) *= 1e8;
  const MatrixD q = orthonormalized(exec, v);
  EXPECT_LT((q.transpose() * q - MatrixD::Identity(4, 4)).norm(), 1e-10);
  for (Index j = 0; j < 4; ++j) EXPECT_LT((q * (q.transpose() * v.col(j)) - v.col(j)).norm(), 1e-9 * v.col(j).norm());
}

TEST(Orthonormalized, DependentAndZeroColumnsDoNoHarm) {
  Execution exec;
  MatrixD v = random_matrix(30, 4, 2);
  v.col(1) = v.col(3);
  v.col(2).setZero();
  const MatrixD q = orthonormalized(exec, v);
  EXPECT_EQ(q.col(2), MatrixD::Zero(30, 1));
  EXPECT_TRUE(q.allFinite());
  EXPECT_LT(q.colwise().norm().maxCoeff(), 1 + 1e-9);
  for (const Index j : {0, 3}) EXPECT_LT((q * (q.transpose() * v.col(j)) - v.col(j)).norm(), 1e-5 * v.col(j).norm());
}

// Four of the data, and two of the weights, which have no more.
TEST(ResidualDirectionsOfFewOutputs, ThereAreNoMoreThanTheWeightsHave) {
  Execution exec(2);
  Problem problem = random_problem(12, 20, 100, 3);
  problem.weight = random_matrix(12, 2, 4) * random_matrix(2, 20, 5);
  const MatrixD e = residual_directions(exec, problem.weight, problem.moments.xx, 8, 0.01);
  EXPECT_LT((problem.weight * projector(e) - problem.weight).norm(), 1e-9 * problem.weight.norm());
  EXPECT_NEAR(e.squaredNorm(), 4 + 2, 1e-9);
}

}  // namespace
}  // namespace lrc
