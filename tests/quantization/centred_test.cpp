#include "lrc/quantization/moments/centred.hpp"

#include <gtest/gtest.h>

#include "quantization/explicit.hpp"

namespace lrc {
namespace {

class Centred : public testing::TestWithParam<std::pair<Index, double>> {
 protected:
  Centred() {
    // One channel is constant, the others have a mean of the given size.
    x_.array() += GetParam().second;
    x_.row(0).setConstant(GetParam().second);
    mean_ = x_.rowwise().mean();
    deviations_ = x_.colwise() - mean_;
  }

  Index d_in_ = GetParam().first, tokens_ = 211;
  MatrixD x_ = random_matrix(d_in_, tokens_, 1), deviations_;
  VectorD mean_;
};

TEST_P(Centred, AreTheMomentsOfTheDeviations) {
  const MatrixD found = centred(x_ * x_.transpose(), x_.rowwise().sum(), tokens_);
  const MatrixD expected = deviations_ * deviations_.transpose();
  const double precision = 1e-13 * (x_ * x_.transpose()).norm();
  EXPECT_LT((found - expected).norm(), precision);
  EXPECT_EQ(found, MatrixD(found.transpose()));
  EXPECT_GE(found(0, 0), 0);
  EXPECT_LT(found(0, 0), precision);
}

TEST_P(Centred, InputsAreCentredAndTheQuantizedAreNot) {
  const MatrixD y = quantized_tokens(deviations_);
  const MatrixD found = centred_inputs(x_ * y.transpose(), x_.rowwise().sum(), y.rowwise().sum(), tokens_);
  EXPECT_LT((found - deviations_ * y.transpose()).norm(), 1e-12 * (x_ * y.transpose()).norm() + 1e-12);
}

TEST_P(Centred, TheMeanOutputIsWhatTheDeviationsMiss) {
  const MatrixD weight = random_matrix(5, d_in_, 2);
  const VectorD bias = mean_output(weight, x_.rowwise().sum(), tokens_);
  EXPECT_LT(((weight * deviations_).colwise() + bias - weight * x_).norm(), 1e-12 * (weight * x_).norm() + 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Cases, Centred,
                         testing::Values(std::pair<Index, double>{1, 1}, std::pair<Index, double>{7, 0},
                                         std::pair<Index, double>{33, 1}, std::pair<Index, double>{20, 1e2}));

TEST(CentredDiagonal, IsNotBelowZeroWhereTheSumsWereRounded) {
  const VectorD sums = VectorD::Constant(2, 30);
  EXPECT_EQ(VectorD(centred(MatrixD::Constant(2, 2, 300 - 1e-5), sums, 3).diagonal()), VectorD::Zero(2));
}

// A channel that is small beside the others' rounding seems to vary by itself.
TEST(CentredDiagonal, IsZeroWhereAllThatIsLeftIsRounding) {
  MatrixD xx = MatrixD::Constant(2, 2, 300);
  xx.row(1) *= 1e-5;
  xx.col(1) *= 1e-5;
  xx(1, 1) += 1e-7;
  EXPECT_EQ(centred(xx, VectorD{{30, 30e-5}}, 3), MatrixD::Zero(2, 2));
}

// The whole of it: with a heavy mean, x − μ is quantized far better than x.
TEST(CentredSolve, WinsWhereTheMeanIsHeavy) {
  Execution exec(2);
  const Problem plain = outlier_problem(60, 40, 500, 3);
  const VectorD sums = plain.x.rowwise().sum();
  const MatrixD deviations = plain.x.colwise() - VectorD(sums / 500);
  const MatrixD y = quantized_tokens(deviations);
  const Moments moments{500, centred(plain.moments.xx, sums, 500),
                        centred_inputs(plain.x * y.transpose(), sums, y.rowwise().sum(), 500), y * y.transpose()};
  SolveOptions options;
  options.rank = 4;
  const SolveResult found = solve(exec, Method::lrc, plain.weight, moments, options);
  const MatrixD quantized = dequantized(found.codes, found.scales, found.zero_points, 0).cast<double>();
  const MatrixD output = plain.weight * plain.x;
  const MatrixD branch = found.u.values.cast<double>() * (found.v.values.cast<double>().transpose() * deviations);
  const VectorD bias = mean_output(plain.weight, sums, 500);
  const double loss = (output - ((quantized * y + branch).colwise() + bias)).squaredNorm() / output.squaredNorm();
  EXPECT_LT(loss, 0.7 * solve(exec, Method::lrc, plain.weight, plain.moments, options).relative_loss);
}

}  // namespace
}  // namespace lrc
