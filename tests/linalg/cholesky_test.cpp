#include "lrc/linalg/cholesky.hpp"

#include <gtest/gtest.h>

#include "linalg/random_matrix.hpp"

namespace lrc {
namespace {

class Cholesky : public testing::TestWithParam<Index> {};

TEST_P(Cholesky, LowerFactorTimesItsTransposeIsTheMatrix) {
  Execution exec(2);
  const MatrixD a = random_positive_definite(GetParam(), 1);
  MatrixD l = a;
  cholesky(exec, l);
  EXPECT_TRUE(l.isLowerTriangular(0));
  EXPECT_LT((l * l.transpose() - a).norm(), 1e-11);
}

TEST_P(Cholesky, ReadsTheLowerTriangleOnly) {
  Execution exec(1);
  MatrixD a = random_positive_definite(GetParam(), 2), damaged = a;
  damaged.triangularView<Eigen::StrictlyUpper>().setConstant(std::nan(""));
  cholesky(exec, a);
  cholesky(exec, damaged);
  EXPECT_EQ(a, damaged);
}

TEST_P(Cholesky, UpperFactorTimesItsTransposeIsTheMatrix) {
  Execution exec(2);
  const MatrixD a = random_positive_definite(GetParam(), 3);
  MatrixD r = a;
  upper_cholesky(exec, r);
  EXPECT_TRUE(r.isUpperTriangular(0));
  EXPECT_LT((r * r.transpose() - a).norm(), 1e-11);
}

TEST_P(Cholesky, GivesTheSameBitsOnAnyNumberOfThreads) {
  const MatrixD a = random_positive_definite(GetParam(), 4);
  Execution one(1);
  MatrixD expected = a;
  cholesky(one, expected);
  for (const int threads : {2, 3}) {
    Execution exec(threads);
    MatrixD l = a;
    cholesky(exec, l);
    EXPECT_EQ(l, expected) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Cholesky, testing::Values(0, 1, 2, 7, 130, 256, 257, 600));

TEST(CholeskyFailures, NameTheFirstColumnWithoutAPositivePivot) {
  Execution exec(2);
  for (const Index column : {0, 5, 256, 299}) {
    MatrixD a = MatrixD::Identity(300, 300), flipped = a, not_finite = a;
    a(column, column) = -1;
    not_finite(column, column) = std::nan("");
    const auto column_of = [&](MatrixD& matrix, auto factorization) {
      try {
        factorization(exec, matrix);
      } catch (const CholeskyFailure& failure) {
        return failure.column();
      }
      return Index{-1};
    };
    flipped(column, column) = 0;
    EXPECT_EQ(column_of(a, cholesky), column);
    EXPECT_EQ(column_of(flipped, upper_cholesky), column);
    EXPECT_EQ(column_of(not_finite, cholesky), column);
  }
}

}  // namespace
}  // namespace lrc
