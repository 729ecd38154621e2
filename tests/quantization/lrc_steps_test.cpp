#include "lrc/quantization/lrc/lrc_steps.hpp"

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

class LrcSteps : public testing::TestWithParam<Case> {
 protected:
  Index k_ = GetParam().k;
  Problem problem_ = random_problem(GetParam().d_out, GetParam().d_in, 4 * GetParam().d_in + 10, 1);
  Execution exec_{2};
  MatrixD yy_root_ = damped_root(exec_, problem_.moments.yy, kNoDamping);
  MatrixD xx_root_ = damped_root(exec_, problem_.moments.xx, kNoDamping);
  MatrixD output_ = problem_.weight * problem_.x;

  // Alternating least squares on the explicit inputs, from this V on: for U, for V, and for Ŵ where it is free.
  double alternating_loss(MatrixD quantized, bool quantized_is_free, MatrixD v) const {
    MatrixD u;
    for (int step = 0; step < 300; ++step) {
      const MatrixD rest = output_ - quantized * problem_.y;
      u = least_squares(rest, v.transpose() * problem_.x);
      // U fixed, Vᵀ X is to be nearest to U⁺ · rest within the span of X's rows.
      v = least_squares(least_squares(rest.transpose(), u.transpose()).transpose(), problem_.x).transpose();
      if (quantized_is_free) quantized = least_squares(output_ - u * (v.transpose() * problem_.x), problem_.y);
    }
    return explicit_loss(problem_, quantized, u, v);
  }

  // Neither from a random start nor from the closed form itself does alternation find anything better.
  void expect_optimal(const LowRank& correction, const MatrixD& quantized, bool quantized_is_free) {
    const double loss = explicit_loss(problem_, quantized, correction.u, correction.v);
    const double from_random = alternating_loss(quantized, quantized_is_free, random_matrix(GetParam().d_in, k_, 9));
    const double from_here = alternating_loss(quantized, quantized_is_free, correction.v);
    EXPECT_LT(loss, from_random * (1 + 1e-6) + 1e-12);
    EXPECT_LT(loss, from_here * (1 + 1e-6) + 1e-12);
  }
};

TEST_P(LrcSteps, InitialCorrectionIsOptimalForARelaxedWeight) {
  const LowRank correction = initial_correction(exec_, problem_.weight, problem_.moments, yy_root_, kNoDamping, k_);
  const MatrixD relaxed = quantize_target(exec_, problem_.weight, correction, problem_.moments, yy_root_, kNoDamping);
  expect_optimal(correction, relaxed, true);
}

TEST_P(LrcSteps, RefittedCorrectionIsOptimalForItsWeight) {
  const MatrixD quantized = problem_.weight + 0.1 * random_matrix(GetParam().d_out, GetParam().d_in, 5);
  const LowRank correction =
      refitted_correction(exec_, problem_.weight, quantized, problem_.moments, xx_root_, kNoDamping, k_);
  expect_optimal(correction, quantized, false);
}

TEST_P(LrcSteps, QuantizeTargetIsTheBestWeightForItsCorrection) {
  const LowRank correction{random_matrix(GetParam().d_out, k_, 3) * 0.1, random_matrix(GetParam().d_in, k_, 4)};
  const MatrixD target = quantize_target(exec_, problem_.weight, correction, problem_.moments, yy_root_, kNoDamping);
  const MatrixD expected = least_squares(output_ - correction.u * (correction.v.transpose() * problem_.x), problem_.y);
  EXPECT_LT((target - expected).norm(), 1e-6 * expected.norm());
}

// Damping is one more token √λ for each channel, in X and in Y, which is not quantized.
TEST_P(LrcSteps, DampingIsATokenForEachChannel) {
  constexpr double kLambda = 0.7;
  const Index d_in = GetParam().d_in;
  const MatrixD more = std::sqrt(kLambda) * MatrixD::Identity(d_in, d_in);
  for (const Index tokens : {Index{1}, 2 * d_in}) {
    const Problem few = random_problem(GetParam().d_out, d_in, tokens, 2);
    MatrixD x(d_in, tokens + d_in), y(d_in, tokens + d_in);
    x << few.x, more;
    y << few.y, more;
    const LowRank correction{random_matrix(GetParam().d_out, k_, 3) * 0.1, random_matrix(d_in, k_, 4)};
    const MatrixD rest = without(exec_, few.weight, correction);
    const MatrixD target = quantize_target(exec_, few.weight, correction, few.moments,
                                           raised_root(exec_, few.moments.yy, kLambda), kLambda);
    const MatrixD expected = least_squares(rest * x, y);
    EXPECT_LT((target - expected).norm(), 1e-6 * expected.norm());
    const MatrixD quantized = few.weight + 0.1 * random_matrix(GetParam().d_out, d_in, 5);
    const LowRank refitted = refitted_correction(exec_, few.weight, quantized, few.moments,
                                                 raised_root(exec_, few.moments.xx, kLambda), kLambda, k_);
    const Moments all{.tokens = x.cols(), .xx = x * x.transpose(), .xy = x * y.transpose(), .yy = y * y.transpose()};
    const LowRank of_all = refitted_correction(exec_, few.weight, quantized, all, raised_root(exec_, all.xx, 0), 0, k_);
    const MatrixD nothing = MatrixD::Zero(GetParam().d_out, d_in);
    EXPECT_LT((without(exec_, nothing, refitted) - without(exec_, nothing, of_all)).norm(), 1e-6 * few.weight.norm());
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, LrcSteps,
                         testing::Values(Case{1, 1, 1}, Case{2, 7, 1}, Case{7, 2, 1}, Case{25, 10, 3},
                                         Case{10, 25, 3}));

TEST(DampedRoot, DampsRelativeToTheMeanDiagonal) {
  Execution exec;
  MatrixD moments = MatrixD::Zero(2, 2);
  moments(0, 0) = 6;
  const MatrixD root = damped_root(exec, moments, 0.5);
  EXPECT_DOUBLE_EQ(root(0, 0), std::sqrt(7.5));
  EXPECT_DOUBLE_EQ(root(1, 1), std::sqrt(1.5));
}

}  // namespace
}  // namespace lrc
