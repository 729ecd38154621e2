// Linears that share their input and one V, in the paper's form: [Wq; Wk; Wv] as one tall weight.
#include <gtest/gtest.h>

#include <Eigen/SVD>

#include "quantization/explicit.hpp"

namespace lrc {
namespace {

constexpr Index kRows = 8, kLinears = 3, kInputs = 14, kRank = 5;

class Stacked : public testing::Test {
 protected:
  Stacked() {
    SolveOptions options;
    options.rank = kRank;
    options.damping = 1e-9;
    result_ = solve(exec_, Method::lrc, problem_.weight, problem_.moments, options);
    const MatrixD quantized = dequantized(result_.codes, result_.scales, result_.zero_points, 0).cast<double>();
    left_ = problem_.weight * problem_.x - quantized * problem_.y;
  }

  double loss(const MatrixD& u, const MatrixD& v) const {
    return (left_ - u * (v.transpose() * problem_.x)).squaredNorm();
  }

  Execution exec_{2};
  Problem problem_ = random_problem(kLinears * kRows, kInputs, 90, 3);
  SolveResult result_;
  MatrixD left_;  // W X − Ŵ Y: Σ d_out×tokens
};

// Of all U and V of that rank none leaves less of it, as far as fp16 can tell.
TEST_F(Stacked, TheSharedFactorIsTheBestOfAllLinearsTogether) {
  const MatrixD reachable = least_squares(left_, problem_.x) * problem_.x;
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(reachable);
  const double least =
      (left_ - reachable).squaredNorm() + svd.singularValues().tail(kLinears * kRows - kRank).squaredNorm();
  const double found = loss(result_.u.values.cast<double>(), result_.v.values.cast<double>());
  EXPECT_NEAR(found, least, 2e-4 * least);
  EXPECT_GT(found, (1 - 1e-9) * least);
}

// Each linear's own rows of U are its least squares on what the shared V lets through.
TEST_F(Stacked, EachLinearsUIsItsLeastSquares) {
  const MatrixD inside = result_.v.values.cast<double>().transpose() * problem_.x;  // k×tokens
  for (Index i = 0; i < kLinears; ++i) {
    const MatrixD expected = least_squares(left_.middleRows(i * kRows, kRows), inside);
    const MatrixD found = result_.u.values.middleRows(i * kRows, kRows).cast<double>();
    EXPECT_LT((found - expected).norm(), 2e-3 * expected.norm()) << i;
  }
}

}  // namespace
}  // namespace lrc
