#include "lrc/quantization/objective.hpp"

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
  ThreadPool pool_{2};
};

TEST_P(Objective, TraceFormulaIsTheLossOnExplicitInputs) {
  const Problem problem = random_problem(d_out_, d_in_, d_in_ + 20, 1);
  const MatrixF quantized = (problem.weight + 0.2 * random_matrix(d_out_, d_in_, 2)).cast<float>();
  const MatrixF u = random_matrix(d_out_, k_, 3).cast<float>(), v = random_matrix(d_in_, k_, 4).cast<float>() * 0.1F;
  const double expected = explicit_loss(problem, quantized.cast<double>(), u.cast<double>(), v.cast<double>());
  EXPECT_NEAR(relative_loss(pool_, problem.weight, quantized, u, v, problem.moments), expected, 1e-10 * (1 + expected));
}

TEST_P(Objective, QuadraticFormIsTheTrace) {
  const MatrixD a = random_matrix(d_out_, d_in_, 5), s = random_positive_definite(d_in_, 6);
  const double expected = (a * s * a.transpose()).trace();
  EXPECT_NEAR(quadratic_form(pool_, a, s), expected, 1e-12 * expected);
}

INSTANTIATE_TEST_SUITE_P(Cases, Objective,
                         testing::Values(Case{1, 1, 0}, Case{2, 7, 1}, Case{7, 2, 2}, Case{130, 33, 4},
                                         Case{33, 257, 4}));

TEST(ObjectiveOfZeroInputs, IsZero) {
  ThreadPool pool;
  const Moments none{0, MatrixD::Zero(3, 3), MatrixD::Zero(3, 3), MatrixD::Zero(3, 3)};
  EXPECT_EQ(relative_loss(pool, MatrixD::Ones(2, 3), MatrixF::Zero(2, 3), MatrixF(2, 0), MatrixF(3, 0), none), 0);
}

}  // namespace
}  // namespace lrc
