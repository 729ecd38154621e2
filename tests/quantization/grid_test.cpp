#include "lrc/quantization/grid/grid.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "linalg/random_matrix.hpp"
#include "lrc/core/dtype.hpp"
#include "lrc/quantization/grid/rtn.hpp"

namespace lrc {
namespace {

struct Case {
  Index d_out, d_in;
  WeightGrid grid;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.d_out << "x" << c.d_in << " bits " << c.grid.bits << " groups of " << c.grid.group_size;
}

double cost(const MatrixD& weights, double scale, const WeightGrid& grid) {
  double sum = 0;
  for (const double w : weights.reshaped()) {
    const double code = std::clamp<double>(std::nearbyint(w / scale), grid.lowest(), grid.highest());
    sum += std::pow(std::abs(w - code * scale), 2.4);
  }
  return sum;
}

double least_cost(const MatrixD& weights, const WeightGrid& grid) {
  double least = std::numeric_limits<double>::infinity();
  const double largest = weights.cwiseAbs().maxCoeff();
  for (int i = 0; i < 80; ++i) {
    const auto scale = static_cast<float>((1 - i / 100.0) * largest / grid.highest());
    least = std::min(least, cost(weights, rounded_to(Dtype::bf16, scale), grid));
  }
  return least;
}

class Grid : public testing::TestWithParam<Case> {
 protected:
  const WeightGrid grid_ = GetParam().grid;
  MatrixD weight_ = random_matrix(GetParam().d_out, GetParam().d_in, 1) * 0.02;
  Execution exec_{2};
};

TEST_P(Grid, ScalesAreTheBestOfTheClipSearch) {
  const MatrixF scales = fit_grid(exec_, weight_, grid_).scales;
  const Index width = grid_.group_width(weight_.cols());
  ASSERT_EQ(scales.cols(), grid_.groups(weight_.cols()));
  for (Index row = 0; row < weight_.rows(); ++row) {
    for (Index group = 0; group < scales.cols(); ++group) {
      const Index begin = group * width;
      const MatrixD part = weight_.block(row, begin, 1, std::min(width, weight_.cols() - begin));
      const double least = least_cost(part, grid_), largest = part.cwiseAbs().maxCoeff();
      EXPECT_LE(cost(part, scales(row, group), grid_), least * 1.0001 + 1e-9 * std::pow(largest, 2.4));
      EXPECT_EQ(scales(row, group), rounded_to(Dtype::bf16, scales(row, group)));
    }
  }
}

TEST_P(Grid, NearestCodeIsNearest) {
  const QuantizedWeight quantized = round_to_nearest(exec_, weight_, grid_);
  const MatrixF values = dequantized(quantized.codes, quantized.scales, quantized.zero_points, grid_.group_size);
  for (Index row = 0; row < weight_.rows(); ++row) {
    for (Index col = 0; col < weight_.cols(); ++col) {
      const double scale = quantized.scales(row, col / grid_.group_width(weight_.cols()));
      EXPECT_GE(quantized.codes(row, col), grid_.lowest());
      EXPECT_LE(quantized.codes(row, col), grid_.highest());
      EXPECT_EQ(values(row, col), quantized.codes(row, col) * scale);
      for (int code = grid_.lowest(); code <= grid_.highest(); ++code) {
        EXPECT_LE(std::abs(weight_(row, col) - values(row, col)), std::abs(weight_(row, col) - code * scale));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Grid,
                         testing::Values(Case{1, 1, {4, 0}}, Case{3, 2, {2, 0}}, Case{2, 7, {3, 3}},
                                         Case{2, 300, {4, 128}}, Case{7, 257, {4, 0}}, Case{2, 130, {8, 64}}));

TEST(GridOfSpecialWeights, ZerosGetAHarmlessScale) {
  Execution exec;
  const MatrixD tiny = MatrixD::Constant(1, 5, 1e-44);
  for (const MatrixD& weight : {MatrixD(MatrixD::Zero(1, 5)), tiny}) {
    const QuantizedWeight quantized = round_to_nearest(exec, weight, WeightGrid{});
    EXPECT_EQ(quantized.scales(0, 0), 1.0F);
    EXPECT_TRUE((quantized.codes.array() == 0).all());
  }
}

TEST(GridOfSpecialWeights, WeightsOnTheGridAreKept) {
  Execution exec;
  MatrixD weight(1, 15);
  for (Index i = 0; i < 15; ++i) weight(0, i) = 0.25 * static_cast<double>(i - 7);
  const QuantizedWeight quantized = round_to_nearest(exec, weight, WeightGrid{});
  EXPECT_EQ(dequantized(quantized.codes, quantized.scales, quantized.zero_points, 0).cast<double>(), weight);
}

}  // namespace
}  // namespace lrc
