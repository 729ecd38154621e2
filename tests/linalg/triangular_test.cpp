#include "lrc/linalg/triangular.hpp"

#include <gtest/gtest.h>

#include "linalg/random_matrix.hpp"

namespace lrc {
namespace {

struct Shape {
  Index rows, n;
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.rows << "x" << shape.n; }

class Triangular : public testing::TestWithParam<Shape> {
 protected:
  // Well conditioned, with numbers below the diagonal that must not matter.
  MatrixD t_ = random_matrix(GetParam().n, GetParam().n, 1) / 30 + 2 * MatrixD::Identity(GetParam().n, GetParam().n);
  MatrixD upper_ = t_.triangularView<Eigen::Upper>();
  MatrixD b_ = random_matrix(GetParam().rows, GetParam().n, 2);
  Execution exec_{2};
};

TEST_P(Triangular, ProductEqualsTheNaiveOne) {
  MatrixD plain = b_, transposed = b_;
  multiply_upper(exec_, Op::none, t_, plain);
  multiply_upper(exec_, Op::transpose, t_, transposed);
  EXPECT_TRUE(plain.isApprox(b_ * upper_, 1e-13) || b_.size() == 0);
  EXPECT_TRUE(transposed.isApprox(b_ * upper_.transpose(), 1e-13) || b_.size() == 0);
}

TEST_P(Triangular, DivisionUndoesTheProduct) {
  for (const Op op : {Op::none, Op::transpose}) {
    MatrixD b = b_;
    multiply_upper(exec_, op, t_, b);
    divide_upper(exec_, op, t_, b);
    EXPECT_TRUE(b.isApprox(b_, 1e-12) || b_.size() == 0);
  }
}

TEST_P(Triangular, GivesTheSameBitsOnAnyNumberOfThreads) {
  Execution one(1), three(3);
  MatrixD expected = b_, found = b_;
  divide_upper(one, Op::transpose, t_, expected);
  divide_upper(three, Op::transpose, t_, found);
  EXPECT_EQ(found, expected);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Triangular,
                         testing::Values(Shape{0, 3}, Shape{1, 1}, Shape{2, 7}, Shape{130, 2}, Shape{600, 257},
                                         Shape{1025, 130}));

}  // namespace
}  // namespace lrc
