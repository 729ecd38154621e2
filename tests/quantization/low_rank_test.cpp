#include "lrc/quantization/low_rank/low_rank.hpp"

#include <gtest/gtest.h>

#include <Eigen/SVD>
#include <cmath>

#include "linalg/random_matrix.hpp"
#include "lrc/linalg/cholesky.hpp"

namespace lrc {
namespace {

struct Case {
  Index d_out, d_in, k;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.d_out << "x" << c.d_in << " rank " << c.k; }

class LowRankTest : public testing::TestWithParam<Case> {
 protected:
  MatrixD a_ = random_matrix(GetParam().d_out, GetParam().d_in, 1);
  Index k_ = GetParam().k;
  Execution exec_{2};
};

TEST_P(LowRankTest, LeadingLeftVectorsAreThoseOfTheSvd) {
  const MatrixD u = leading_left_vectors(exec_, a_, k_);
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(a_, Eigen::ComputeThinU);
  const MatrixD expected = svd.matrixU().leftCols(k_);
  EXPECT_LT((u * u.transpose() - expected * expected.transpose()).norm(), 1e-9);
}

// Eckart and Young: what the best product of rank k leaves are the singular values after the k-th.
TEST_P(LowRankTest, IsTheBestInItsMetric) {
  MatrixD root = random_positive_definite(GetParam().d_in, 2);
  upper_cholesky(exec_, root);
  const MatrixD scaled = a_ * root;
  const auto [u, v] = best_low_rank(exec_, scaled, root, k_);
  const auto values = Eigen::JacobiSVD<Eigen::MatrixXd>(scaled).singularValues();
  const double least = values.tail(values.size() - k_).norm();
  EXPECT_NEAR(((a_ - u * v.transpose()) * root).norm(), least, 1e-9 * scaled.norm());
}

INSTANTIATE_TEST_SUITE_P(Cases, LowRankTest,
                         testing::Values(Case{1, 1, 1}, Case{2, 7, 1}, Case{7, 2, 2}, Case{130, 20, 5},
                                         Case{20, 130, 5}, Case{40, 40, 0}));

TEST(LeadingLeftVectors, ARankThatIsNotThereGivesZeros) {
  Execution exec;
  const MatrixD a = random_matrix(30, 2, 1) * random_matrix(2, 9, 2);
  const MatrixD u = leading_left_vectors(exec, a, 5);
  EXPECT_TRUE(u.allFinite());
  EXPECT_LT((u * (u.transpose() * a) - a).norm(), 1e-9 * a.norm());
  EXPECT_EQ(leading_left_vectors(exec, MatrixD(MatrixD::Zero(30, 9)), 5), MatrixD::Zero(30, 5));
}

TEST(StoredCorrection, IsBalancedAndKeepsTheProduct) {
  Execution exec;
  const LowRank correction{random_matrix(50, 3, 1) * 1e-4, random_matrix(20, 3, 2) * 1e5};
  const auto [u, v] = stored(exec, correction, 16);
  for (Index j = 0; j < 3; ++j) EXPECT_NEAR(u.values.col(j).norm() / v.values.col(j).norm(), 1, 1e-3);
  const MatrixD product = correction.u * correction.v.transpose();
  EXPECT_LT((u.values * v.values.transpose()).cast<double>().cwiseAbs().maxCoeff(), 2 * product.cwiseAbs().maxCoeff());
  EXPECT_LT(((u.values * v.values.transpose()).cast<double>() - product).norm(), 1e-3 * product.norm());
}

TEST(StoredCorrection, ZeroColumnsStayZero) {
  Execution exec;
  for (const int bits : {8, 16}) {
    const auto [u, v] = stored(exec, LowRank{MatrixD::Zero(3, 1), MatrixD::Ones(4, 1)}, bits);
    EXPECT_TRUE(u.values.isZero(0) && v.values.isZero(0));
  }
}

TEST(StoredCorrection, WhatDoesNotFitIsAnError) {
  Execution exec;
  EXPECT_THROW(stored(exec, LowRank{MatrixD::Constant(1, 1, 1e6), MatrixD::Constant(1, 1, 1e6)}, 16), Error);
}

}  // namespace
}  // namespace lrc
