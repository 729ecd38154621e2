#include "lrc/linalg/eigen.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>

#include "linalg/random_matrix.hpp"

namespace lrc {
namespace {

struct Problem {
  Index n, k;
};

void PrintTo(const Problem& problem, std::ostream* out) { *out << "n " << problem.n << " k " << problem.k; }

class Eigenvectors : public testing::TestWithParam<Problem> {
 protected:
  Execution exec_;
  MatrixD a_ = random_positive_definite(GetParam().n, 1);
  LeadingEigenvectors leading_ = leading_eigenvectors(exec_, a_, GetParam().k);
};

TEST_P(Eigenvectors, AreEigenvectors) {
  const MatrixD residual = a_ * leading_.vectors - leading_.vectors * leading_.values.asDiagonal();
  ASSERT_EQ(leading_.vectors.cols(), GetParam().k);
  EXPECT_LT(residual.norm(), 1e-11);
}

TEST_P(Eigenvectors, AreOrthonormal) {
  const Index k = GetParam().k;
  EXPECT_LT((leading_.vectors.transpose() * leading_.vectors - MatrixD::Identity(k, k)).norm(), 1e-11);
}

// What is left has no eigenvalue above the smallest of the leading ones: subtracting them leaves a matrix whose
// quadratic form with the shift is positive, which a Cholesky factorization shows.
TEST_P(Eigenvectors, AreTheLeadingOnesInDescendingOrder) {
  const auto& [values, vectors] = leading_;
  for (Index j = 1; j < values.size(); ++j) EXPECT_GE(values(j - 1), values(j));
  const double smallest = values(values.size() - 1) * (1 + 1e-10);
  const MatrixD rest = a_ - vectors * values.asDiagonal() * vectors.transpose();
  const MatrixD shifted = smallest * MatrixD::Identity(a_.rows(), a_.rows()) - rest;
  EXPECT_EQ(Eigen::LLT<MatrixD>(shifted).info(), Eigen::Success);
}

TEST_P(Eigenvectors, HaveAPositiveLargestEntry) {
  for (Index j = 0; j < GetParam().k; ++j) {
    Index largest = 0;
    leading_.vectors.col(j).cwiseAbs().maxCoeff(&largest);
    EXPECT_GT(leading_.vectors(largest, j), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Eigenvectors,
                         testing::Values(Problem{1, 1}, Problem{2, 1}, Problem{7, 7}, Problem{130, 13},
                                         Problem{257, 100}));

TEST(EigenvectorsOfSpecialMatrices, NoneAsked) {
  Execution exec;
  EXPECT_EQ(leading_eigenvectors(exec, MatrixD::Identity(3, 3), 0).values.size(), 0);
}

TEST(EigenvectorsOfSpecialMatrices, RepeatedEigenvaluesStillGiveOrthonormalVectors) {
  Execution exec;
  const LeadingEigenvectors leading = leading_eigenvectors(exec, MatrixD::Identity(40, 40) * 2.0, 10);
  EXPECT_LT((leading.vectors.transpose() * leading.vectors - MatrixD::Identity(10, 10)).norm(), 1e-12);
  EXPECT_TRUE(leading.values.isApproxToConstant(2.0));
}

TEST(EigenvectorsOfSpecialMatrices, NotFiniteIsAnError) {
  Execution exec;
  MatrixD a = MatrixD::Identity(5, 5);
  a(4, 1) = std::nan("");
  try {
    leading_eigenvectors(exec, a, 2);
    FAIL() << "no error";
  } catch (const CallError& error) {
    EXPECT_STREQ(error.what(), "dsyevr: the matrix is not finite");
  }
}

}  // namespace
}  // namespace lrc
