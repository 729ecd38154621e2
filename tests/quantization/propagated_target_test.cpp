#include "lrc/quantization/lrc/propagated_target.hpp"

#include <gtest/gtest.h>

#include "quantization/explicit.hpp"

namespace lrc {
namespace {

constexpr Index kTokens = 900;

// Inputs of the quantized model, and those of the original one: the same, mixed a little, and what X̂ can't tell.
struct TwoStreams {
  Problem quantized;  // with X̂ for X
  MatrixD original;   // X̄: d_in×tokens

  TwoStreams(Index d_out, Index d_in, unsigned seed) : quantized(random_problem(d_out, d_in, kTokens, seed)) {
    const MatrixD& x = quantized.x;
    const double size = std::sqrt(x.squaredNorm() / static_cast<double>(x.size()));
    original = x + 0.1 * random_matrix(d_in, d_in, seed + 9) * x / std::sqrt(static_cast<double>(d_in)) +
               0.1 * size * random_matrix(d_in, kTokens, seed + 10);
  }

  MatrixD target(double blend) const { return quantized.weight * (blend * original + (1 - blend) * quantized.x); }
  MatrixD drift() const { return (original - quantized.x) * quantized.x.transpose(); }
};

class PropagatedTarget : public testing::TestWithParam<std::pair<Index, Index>> {
 protected:
  MatrixD weight(double blend, double damping) {
    return propagated_weight(exec_, streams_.quantized.weight, streams_.quantized.moments.xx, streams_.drift(),
                             {.blend = blend, .damping = damping});
  }

  Execution exec_{2};
  TwoStreams streams_{GetParam().first, GetParam().second, 5};
};

TEST_P(PropagatedTarget, IsTheLeastSquaresFitOfTheBlendedOutputs) {
  for (const double blend : {0.25, 1.0}) {
    const MatrixD expected = least_squares(streams_.target(blend), streams_.quantized.x);
    EXPECT_LT((weight(blend, 0) - expected).norm(), 1e-7 * expected.norm());
  }
}

TEST_P(PropagatedTarget, DampingPullsItToTheWeight) {
  const MatrixD& w = streams_.quantized.weight;
  const MatrixD& x = streams_.quantized.x;
  const Index d_in = w.cols();
  // The damped fit is that of sqrt(λ) W to sqrt(λ) I as further tokens.
  const double root = std::sqrt(0.3 * streams_.quantized.moments.xx.trace() / static_cast<double>(d_in));
  MatrixD inputs(d_in, kTokens + d_in), outputs(w.rows(), kTokens + d_in);
  inputs << x, root * MatrixD::Identity(d_in, d_in);
  outputs << streams_.target(0.6), root * w;
  const MatrixD expected = least_squares(outputs, inputs);
  EXPECT_LT((weight(0.6, 0.3) - expected).norm(), 1e-9 * expected.norm());
}

TEST_P(PropagatedTarget, IsTheWeightItselfWhereNothingIsBlendedOrNothingDrifts) {
  const MatrixD& w = streams_.quantized.weight;
  EXPECT_EQ(weight(0, 0.01), w);
  const MatrixD none = MatrixD::Zero(w.cols(), w.cols());
  EXPECT_EQ(propagated_weight(exec_, w, streams_.quantized.moments.xx, none, {}), w);
}

// ‖W T − Ŵ Y − U Vᵀ X̂‖ as it is meant, against ‖W' X̂ − Ŵ Y − U Vᵀ X̂‖ and the rest that no solve can reach.
TEST_P(PropagatedTarget, SolvesForItAreSolvesForTheBlend) {
  const double blend = 0.7;
  Problem problem = streams_.quantized;
  const MatrixD target = streams_.target(blend);
  const auto loss = [&](const MatrixD& w) {
    const SolveOptions options{.rank = std::min<Index>(2, w.rows()), .damping = 1e-6};
    const SolveResult found = solve(exec_, Method::lrc, w, problem.moments, options);
    return (target - dequantized(found.codes, found.scales, found.zero_points, 0).cast<double>() * problem.y -
            found.u.values.cast<double>() * (found.v.values.cast<double>().transpose() * problem.x))
        .squaredNorm();
  };
  const MatrixD predictor = weight(blend, 1e-6);
  const double unreachable = (target - predictor * problem.x).squaredNorm();
  EXPECT_LT(loss(predictor) - unreachable, loss(problem.weight) - unreachable);
  problem.weight = predictor;
  const SolveOptions options{.rank = std::min<Index>(2, predictor.rows()), .damping = 1e-6};
  const double promised = solve(exec_, Method::lrc, predictor, problem.moments, options).relative_loss *
                          (predictor * problem.x).squaredNorm();
  EXPECT_NEAR(loss(predictor), promised + unreachable, 0.05 * (promised + unreachable));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PropagatedTarget,
                         testing::Values(std::pair<Index, Index>{1, 1}, std::pair<Index, Index>{7, 33},
                                         std::pair<Index, Index>{65, 20}));

TEST(PropagatedTargetDamping, IsRaisedWhereAChannelIsDead) {
  Execution exec(1);
  MatrixD xx = MatrixD::Identity(3, 3);
  xx(1, 1) = 0;
  const MatrixD drift = 0.5 * xx, w = random_matrix(4, 3, 1);
  const MatrixD found = propagated_weight(exec, w, xx, drift, {.blend = 1, .damping = 0});
  EXPECT_LT((found.col(0) - 1.5 * w.col(0)).norm(), 1e-6);
  EXPECT_EQ(VectorD(found.col(1)), VectorD(w.col(1)));
}

}  // namespace
}  // namespace lrc
