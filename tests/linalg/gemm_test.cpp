#include "lrc/linalg/gemm.hpp"

#include <gtest/gtest.h>

#include "linalg/random_matrix.hpp"

namespace lrc {
namespace {

struct Sizes {
  Index m, n, k;
};

void PrintTo(const Sizes& sizes, std::ostream* out) { *out << sizes.m << "x" << sizes.n << "x" << sizes.k; }

class Gemm : public testing::TestWithParam<Sizes> {
 protected:
  Index m_ = GetParam().m, n_ = GetParam().n, k_ = GetParam().k;
  Execution exec_{2};
};

MatrixD stored_as(Op op, const MatrixD& a) { return op == Op::none ? a : MatrixD(a.transpose()); }

double difference(const MatrixD& a, const MatrixD& b) { return a.size() == 0 ? 0.0 : (a - b).cwiseAbs().maxCoeff(); }

TEST_P(Gemm, EqualsTheNaiveProductForAllTranspositions) {
  const MatrixD a = random_matrix(m_, k_, 1), b = random_matrix(k_, n_, 2), c = random_matrix(m_, n_, 3);
  const MatrixD expected = 0.5 * a.lazyProduct(b) - 2.0 * c;
  for (const Op op_a : {Op::none, Op::transpose}) {
    for (const Op op_b : {Op::none, Op::transpose}) {
      MatrixD found = c;
      gemm(exec_, op_a, op_b, 0.5, stored_as(op_a, a), stored_as(op_b, b), -2.0, found);
      EXPECT_LT(difference(found, expected), 1e-11);
      MatrixF single = c.cast<float>();
      gemm(exec_, op_a, op_b, 0.5F, stored_as(op_a, a).cast<float>(), stored_as(op_b, b).cast<float>(), -2.0F, single);
      EXPECT_LT(difference(single.cast<double>(), expected), 1e-3);
    }
  }
}

TEST_P(Gemm, WorksOnBlocksOfLargerMatrices) {
  const MatrixD a = random_matrix(m_ + 2, k_ + 3, 1), b = random_matrix(k_ + 1, n_ + 4, 2);
  MatrixD c = MatrixD::Constant(m_ + 2, n_ + 2, 7);
  gemm(exec_, Op::none, Op::none, 1.0, a.block(1, 2, m_, k_), b.block(1, 3, k_, n_), 0.0, c.block(1, 1, m_, n_));
  const MatrixD expected = a.block(1, 2, m_, k_).lazyProduct(b.block(1, 3, k_, n_));
  EXPECT_LT(difference(c.block(1, 1, m_, n_), expected), 1e-11);
  c.block(1, 1, m_, n_).setConstant(7);
  EXPECT_TRUE((c.array() == 7).all());  // nothing around the block was touched
}

TEST_P(Gemm, SymmetricProductEqualsTheWholeOne) {
  const MatrixD a = random_matrix(m_, k_, 4);
  const MatrixD found = symmetric_product(exec_, a, a, Op::none, Op::transpose);
  EXPECT_LT(difference(found, a.lazyProduct(a.transpose())), 1e-11);
  EXPECT_EQ(found, found.transpose());
}

TEST_P(Gemm, GivesTheSameBitsOnAnyNumberOfThreads) {
  const MatrixD a = random_matrix(m_, k_, 5), b = random_matrix(k_, n_, 6);
  Execution one(1), three(3);
  EXPECT_EQ(product(one, a, b), product(three, a, b));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Gemm,
                         testing::Values(Sizes{1, 1, 1}, Sizes{2, 7, 3}, Sizes{130, 2, 257}, Sizes{7, 600, 1},
                                         Sizes{513, 1030, 130}, Sizes{3, 0, 2}, Sizes{3, 2, 0}));

}  // namespace
}  // namespace lrc
