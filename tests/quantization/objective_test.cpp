#include "lrc/quantization/lrc/objective.hpp"

#include <gtest/gtest.h>

#include "quantization/problem.hpp"

namespace lrc {
namespace {

struct Case {
  Index d_out, d_in, k;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.d_out << "x" << c.d_in << " rank " << c.k; }

class Objective : public testing::TestWithParam<Case> {
 protected:
  Index d_out_ = GetParam().d_out, d_in_ = GetParam().d_in, k_ = GetParam().k;
  Execution exec_{2};
};

TEST_P(Objective, TraceFormulaIsTheLossOnExplicitInputs) {
  const Problem problem = random_problem(d_out_, d_in_, d_in_ + 20, 1);
  const MatrixD quantized = problem.weight + 0.2 * random_matrix(d_out_, d_in_, 2);
  const MatrixD u = random_matrix(d_out_, k_, 3), v = random_matrix(d_in_, k_, 4) * 0.1;
  const double expected = explicit_loss(problem, quantized, u, v);
  const RowLosses found = row_losses(exec_, problem.weight, quantized, u, v, problem.moments);
  EXPECT_NEAR(found.relative(), expected, 1e-10 * (1 + expected));
  for (Index row = 0; row < d_out_; ++row) {  // each as a problem of its own
    Problem one = problem;
    one.weight = problem.weight.row(row);
    const double own = explicit_loss(one, quantized.row(row), u.row(row), v);
    EXPECT_NEAR(found.relative(row, 1), own, 1e-9 * (1 + own));
  }
}

TEST_P(Objective, QuadraticFormsAreTheDiagonal) {
  const MatrixD a = random_matrix(d_out_, d_in_, 5), s = random_positive_definite(d_in_, 6);
  const VectorD expected = (a * s * a.transpose()).diagonal();
  EXPECT_LT((quadratic_forms(exec_, a, s) - expected).cwiseAbs().maxCoeff(), 1e-12 * expected.sum());
}

INSTANTIATE_TEST_SUITE_P(Cases, Objective,
                         testing::Values(Case{1, 1, 0}, Case{2, 7, 1}, Case{7, 2, 2}, Case{130, 33, 4},
                                         Case{33, 257, 4}));

TEST(ObjectiveOfZeroInputs, IsZero) {
  Execution exec;
  const Moments none{0, MatrixD::Zero(3, 3), MatrixD::Zero(3, 3), MatrixD::Zero(3, 3)};
  const MatrixD weight = MatrixD::Ones(2, 3), quantized = MatrixD::Zero(2, 3), u(2, 0), v(3, 0);
  EXPECT_EQ(row_losses(exec, weight, quantized, u, v, none).relative(), 0);
}

}  // namespace
}  // namespace lrc
