#include "lrc/quantization/grid/gptq.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "lrc/linalg/cholesky.hpp"
#include "lrc/quantization/grid/rtn.hpp"
#include "lrc/quantization/moments/damped_moments.hpp"
#include "quantization/problem.hpp"

namespace lrc {
namespace {

// The algorithm as its paper writes it: column by column, with the upper Cholesky factor of H⁻¹.
MatrixI8 textbook_gptq(MatrixD weight, const MatrixD& hessian, const FittedGrid& fitted, const WeightGrid& grid) {
  const Index n = hessian.rows();
  const MatrixD inverse = Eigen::LLT<MatrixD>(hessian).solve(MatrixD::Identity(n, n));
  const MatrixD upper = Eigen::LLT<MatrixD>(inverse).matrixU();
  MatrixI8 codes(weight.rows(), n);
  for (Index j = 0; j < n; ++j) {
    for (Index row = 0; row < weight.rows(); ++row) {
      const Index group = j / grid.group_width(n);
      const double scale = fitted.scales(row, group), zero = grid.zero_points ? fitted.zero_points(row, group) : 0;
      const double code =
          std::clamp<double>(std::nearbyint(weight(row, j) / scale) + zero, grid.lowest(), grid.highest());
      codes(row, j) = static_cast<std::int8_t>(code);
      const double error = (weight(row, j) - (code - zero) * scale) / upper(j, j);
      for (Index i = j + 1; i < n; ++i) weight(row, i) -= error * upper(j, i);
    }
  }
  return codes;
}

struct Case {
  Index d_out, d_in;
  WeightGrid grid;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.d_out << "x" << c.d_in << " bits " << c.grid.bits << " groups of " << c.grid.group_size;
}

class Gptq : public testing::TestWithParam<Case> {
 protected:
  Problem problem_ = random_problem(GetParam().d_out, GetParam().d_in, 2 * GetParam().d_in + 5, 1);
  Execution exec_{2};
  MatrixD hessian_ = damped(exec_, problem_.moments.xx, 0.01);
  MatrixD root_ = damped_root(exec_, problem_.moments.xx, 0.01);
};

TEST_P(Gptq, EqualsTheTextbook) {
  const QuantizedWeight quantized = gptq(exec_, problem_.weight, root_, GetParam().grid);
  const FittedGrid fitted = fit_grid(exec_, problem_.weight, GetParam().grid);
  EXPECT_EQ(quantized.scales, fitted.scales);
  EXPECT_EQ(quantized.zero_points, fitted.zero_points);
  EXPECT_EQ(quantized.codes, textbook_gptq(problem_.weight, hessian_, fitted, GetParam().grid));
}

TEST_P(Gptq, GivesTheSameBitsOnAnyNumberOfThreads) {
  Execution one(1), three(3);
  const QuantizedWeight a = gptq(one, problem_.weight, root_, GetParam().grid);
  const QuantizedWeight b = gptq(three, problem_.weight, root_, GetParam().grid);
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_EQ(a.scales, b.scales);
}

TEST_P(Gptq, GivesTheSameCodesWhenTheFactorComesInPanels) {
  const QuantizedWeight whole = gptq(exec_, problem_.weight, root_, GetParam().grid);
  for (const Index rows : {1, 32, 50, 1000}) {
    GptqBand band(exec_, problem_.weight, GetParam().grid);
    const Index n = root_.rows();
    for (Index begin = 0; begin < n; begin += rows) {
      band.quantize(root_.block(begin, begin, std::min(rows, n - begin), n - begin));
    }
    const QuantizedWeight found = band.result();
    EXPECT_EQ(found.codes, whole.codes) << "panels of " << rows;
    EXPECT_EQ(found.scales, whole.scales);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Gptq,
                         testing::Values(Case{1, 1, {4, 0}}, Case{7, 2, {4, 0}}, Case{2, 7, {2, 3}},
                                         Case{130, 33, {4, 0}}, Case{257, 64, {4, 16}}, Case{7, 257, {4, 0}},
                                         Case{5, 130, {8, 48}}, Case{600, 130, {3, 128}}, Case{7, 40, {4, 0, true}},
                                         Case{257, 50, {3, 24, true}}));

TEST(GptqOnSpecialHessians, ADiagonalOneIsRoundToNearest) {
  Execution exec;
  const MatrixD weight = random_matrix(9, 70, 1);
  MatrixD root = MatrixD::Identity(70, 70);
  for (Index i = 0; i < 70; ++i) root(i, i) = 1.0 + static_cast<double>(i);
  EXPECT_EQ(gptq(exec, weight, root, WeightGrid{}).codes, round_to_nearest(exec, weight, WeightGrid{}).codes);
}

TEST(GptqOnSpecialHessians, ADeadChannelIsRoundedToNearestAndDisturbsNoOther) {
  Execution exec;
  Problem problem = random_problem(9, 40, 200, 3);
  problem.moments.xx.row(17).setZero();
  problem.moments.xx.col(17).setZero();
  const MatrixD root = damped_root(exec, problem.moments.xx, 0.01);
  MatrixD other = problem.weight;
  other.col(17).setZero();  // small against its row's largest, so the scales stay
  problem.weight.col(17) *= 0.1;
  const MatrixI8 codes = gptq(exec, problem.weight, root, {.bits = 4, .group_size = 1}).codes;
  const MatrixI8 other_codes = gptq(exec, other, root, {.bits = 4, .group_size = 1}).codes;
  EXPECT_EQ(codes.col(17), round_to_nearest(exec, problem.weight, {.bits = 4, .group_size = 1}).codes.col(17));
  EXPECT_EQ(codes.leftCols(17), other_codes.leftCols(17));
  EXPECT_EQ(codes.rightCols(22), other_codes.rightCols(22));
}

TEST(GptqOnSpecialHessians, BeatsRoundToNearestOnCorrelatedInputs) {
  Execution exec;
  const Problem problem = random_problem(50, 60, 300, 4);
  const MatrixD root = damped_root(exec, problem.moments.xx, 0.01);
  const auto error = [&](const QuantizedWeight& quantized) {
    return ((problem.weight - dequantized(quantized.codes, quantized.scales, quantized.zero_points, 0).cast<double>()) *
            problem.x)
        .norm();
  };
  EXPECT_LT(error(gptq(exec, problem.weight, root, WeightGrid{})),
            0.8 * error(round_to_nearest(exec, problem.weight, WeightGrid{})));
}

}  // namespace
}  // namespace lrc
