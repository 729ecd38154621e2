#include "lrc/quantization/code_descent.hpp"

#include <gtest/gtest.h>

#include "lrc/quantization/lrc_steps.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

struct Case {
  Index d_out, d_in, group_size;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.d_out << "x" << c.d_in << " groups of " << c.group_size; }

class CodeDescent : public testing::TestWithParam<Case> {
 protected:
  QuantizedWeight after(Index sweeps, int threads = 2) {
    ThreadPool pool(threads);
    return gptq_and_descent(pool, problem_.weight, factor_, grid_, sweeps);
  }

  double loss(const QuantizedWeight& quantized) const {
    const MatrixD error =
        problem_.weight - dequantized(quantized.codes, quantized.scales, grid_.group_size).cast<double>();
    return (error * hessian_).cwiseProduct(error).sum();
  }

  Problem problem_ = random_problem(GetParam().d_out, GetParam().d_in, 3 * GetParam().d_in, 7);
  WeightGrid grid_{.bits = 3, .group_size = GetParam().group_size};
  MatrixD hessian_ = damped(problem_.moments.yy, 0.01);
  ThreadPool pool_{1};
  MatrixD factor_ = damped_factor(pool_, problem_.moments.yy, 0.01);
};

TEST_P(CodeDescent, NeverLosesMoreThanBeforeASweep) {
  double before = loss(after(0));
  for (Index sweeps = 1; sweeps <= 5; ++sweeps) {
    const double now = loss(after(sweeps));
    EXPECT_LE(now, before * (1 + 1e-12)) << sweeps;
    before = now;
  }
}

TEST_P(CodeDescent, EndsWhereNoOtherCodeLosesLess) {
  const QuantizedWeight end = after(200);
  const double least = loss(end);
  for (Index i = 0; i < end.codes.rows(); ++i) {
    for (Index j = 0; j < end.codes.cols(); ++j) {
      for (const int step : {-1, 1}) {
        QuantizedWeight other = end;
        const int code = end.codes(i, j) + step;
        if (code < grid_.lowest() || code > grid_.highest()) continue;
        other.codes(i, j) = static_cast<std::int8_t>(code);
        EXPECT_GE(loss(other), least * (1 - 1e-9)) << i << ", " << j;
      }
    }
  }
}

// The scales are bfloat16: the least-squares factor of a group is nearer to 1 than half a step of that.
TEST_P(CodeDescent, EndsWithScalesOfLeastSquares) {
  const QuantizedWeight end = after(200);
  const MatrixD values = dequantized(end.codes, end.scales, grid_.group_size).cast<double>();
  const MatrixD gradient = (problem_.weight - values) * hessian_;
  const Index width = grid_.group_width(values.cols());
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index group = 0; group < grid_.groups(values.cols()); ++group) {
      MatrixD part = MatrixD::Zero(1, values.cols());
      const Index begin = group * width, size = std::min(width, values.cols() - begin);
      part.row(0).segment(begin, size) = values.row(i).segment(begin, size);
      const double curvature = (part * hessian_).cwiseProduct(part).sum();
      if (curvature == 0) continue;
      EXPECT_LT(std::abs(part.row(0).dot(gradient.row(i))), curvature / 128) << i << ", " << group;
    }
  }
}

TEST_P(CodeDescent, GivesTheSameBitsOnAnyNumberOfThreads) {
  const QuantizedWeight one = after(3, 1), three = after(3, 3);
  EXPECT_EQ(one.codes, three.codes);
  EXPECT_EQ(one.scales, three.scales);
}

INSTANTIATE_TEST_SUITE_P(Cases, CodeDescent,
                         testing::Values(Case{1, 1, 0}, Case{3, 7, 0}, Case{65, 17, 0}, Case{130, 33, 0},
                                         Case{7, 33, 8}, Case{20, 24, 24}, Case{1030, 5, 0}, Case{1030, 6, 4}));

}  // namespace
}  // namespace lrc
