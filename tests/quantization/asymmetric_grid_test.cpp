// Grids with a zero point: their fit against the search as LRQ's code writes it, and what is rounded to them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "linalg/random_matrix.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/quantization/grid/rtn.hpp"
#include "lrq_fixture.hpp"
#include "shared_data.hpp"

namespace lrc {
namespace {

struct Found {
  double scale = 0, zero = 0, cost = std::numeric_limits<double>::infinity();
};

double cost_of(const MatrixD& weights, double scale, double zero, int bits) {
  double sum = 0;
  for (const double w : weights.reshaped()) {
    const double code = std::clamp(std::nearbyint(w / scale), -zero, (1 << bits) - 1 - zero);
    sum += std::pow(std::abs(code * scale - w), 2.4);
  }
  return sum;
}

// All ranges with all zero points, in the order of the reference. Zero points 0 .. 2^b − 1.
Found exhaustive(const MatrixD& weights, int bits) {
  const int levels = 1 << bits;
  const double range = std::max(weights.maxCoeff(), 0.0) - std::min(weights.minCoeff(), 0.0);
  Found best;
  for (int percent = 1; percent <= 100; ++percent) {
    const double scale = std::max(range * percent / 100 / (levels - 1), 1e-8);
    for (int zero = 0; zero < levels; ++zero) {
      const double cost = cost_of(weights, scale, zero, bits);
      if (cost < best.cost) best = {scale, static_cast<double>(zero), cost};
    }
  }
  return best;
}

// Rows of all kinds: about zero, above it, below it, shifted, of two values, zeros.
MatrixD odd_rows(Index d_in) {
  MatrixD weight = random_matrix(6, d_in, 1) * 0.02;
  weight.row(1) = weight.row(1).cwiseAbs().array() + 0.01;
  weight.row(2) = -weight.row(2).cwiseAbs();
  weight.row(3).array() += 0.03;
  weight.row(4) = weight.row(4).cwiseSign() * 0.5;
  weight.row(5).setZero();
  return weight.cast<float>().cast<double>();
}

struct Case {
  Index d_in;
  WeightGrid grid;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.d_in << " bits " << c.grid.bits << " groups of " << c.grid.group_size;
}

class AsymmetricGrid : public testing::TestWithParam<Case> {
 protected:
  // visit(weights, scale, zero point 0 .. 2^b − 1) of each row and group.
  template <class Visit>
  void for_each_group(const FittedGrid& fitted, Visit visit) {
    const Index width = grid_.group_width(weight_.cols());
    ASSERT_EQ(fitted.scales.cols(), grid_.groups(weight_.cols()));
    for (Index row = 0; row < weight_.rows(); ++row) {
      for (Index group = 0; group < fitted.scales.cols(); ++group) {
        const Index begin = group * width;
        visit(weight_.block(row, begin, 1, std::min(width, weight_.cols() - begin)), fitted.scales(row, group),
              fitted.zero_points(row, group) - grid_.lowest());
      }
    }
  }

  WeightGrid grid_ = GetParam().grid;
  MatrixD weight_ = odd_rows(GetParam().d_in);
  Execution exec_{2};
};

TEST_P(AsymmetricGrid, IsTheBestOfAllRangesAndZeroPoints) {
  for_each_group(fit_grid(exec_, weight_, grid_), [&](const MatrixD& weights, double scale, int zero) {
    const Found best = exhaustive(weights, grid_.bits);
    const double rounding = 1e-9 * std::pow(weights.cwiseAbs().maxCoeff(), 2.4);
    EXPECT_LE(cost_of(weights, scale, zero, grid_.bits), best.cost * (1 + 1e-6) + rounding);
    if (weights.isZero()) {  // of equals the first
      EXPECT_FLOAT_EQ(static_cast<float>(scale), static_cast<float>(best.scale));
      EXPECT_EQ(zero, best.zero);
    }
  });
}

TEST_P(AsymmetricGrid, OfTheWholeRangeHoldsAllWeightsAndZero) {
  grid_.range = Range::minmax;
  for_each_group(fit_grid(exec_, weight_, grid_), [&](const MatrixD& weights, double scale, int zero) {
    const double least = std::min(weights.minCoeff(), 0.0), largest = std::max(weights.maxCoeff(), 0.0);
    const int levels = 1 << grid_.bits;
    EXPECT_NEAR(scale, std::max((largest - least) / (levels - 1), 1e-8), 1e-6 * scale);
    EXPECT_NEAR(zero, -least / scale, 0.5001);
    if (weights.isZero()) return;
    EXPECT_LE(-zero * scale, least + 0.5001 * scale);
    EXPECT_GE((levels - 1 - zero) * scale, largest - 0.5001 * scale);
  });
}

TEST_P(AsymmetricGrid, NearestCodeIsNearest) {
  const QuantizedWeight quantized = round_to_nearest(exec_, weight_, grid_);
  const MatrixD values =
      dequantized(quantized.codes, quantized.scales, quantized.zero_points, grid_.group_size).cast<double>();
  for (Index row = 0; row < weight_.rows(); ++row) {
    for (Index col = 0; col < weight_.cols(); ++col) {
      const Index group = col / grid_.group_width(weight_.cols());
      const double scale = quantized.scales(row, group), error = std::abs(weight_(row, col) - values(row, col));
      for (int code = grid_.lowest(); code <= grid_.highest(); ++code) {
        const double other = (code - quantized.zero_points(row, group)) * scale;
        EXPECT_LE(error, std::abs(weight_(row, col) - other) + 1e-6 * std::abs(other));
      }
    }
  }
}

TEST_P(AsymmetricGrid, IsTheSameOnAnyNumberOfThreads) {
  Execution one(1);
  const QuantizedWeight a = round_to_nearest(one, weight_, grid_), b = round_to_nearest(exec_, weight_, grid_);
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_EQ(a.scales, b.scales);
  EXPECT_EQ(a.zero_points, b.zero_points);
}

INSTANTIATE_TEST_SUITE_P(Cases, AsymmetricGrid,
                         testing::Values(Case{1, {4, 0, true}}, Case{16, {2, 0, true}}, Case{7, {3, 3, true}},
                                         Case{100, {4, 48, true}}, Case{33, {8, 0, true}}));

TEST(AsymmetricGridOfSpecialWeights, WeightsOnTheGridAreKept) {
  Execution exec;
  MatrixD weight(1, 16);
  for (Index i = 0; i < 16; ++i) weight(0, i) = 0.25 * static_cast<double>(i - 3);
  for (const Range range : {Range::mse, Range::minmax}) {
    const QuantizedWeight quantized = round_to_nearest(exec, weight, {.bits = 4, .zero_points = true, .range = range});
    EXPECT_EQ(quantized.zero_points(0, 0), 3 - 8);
    EXPECT_EQ(dequantized(quantized.codes, quantized.scales, quantized.zero_points, 0).cast<double>(), weight);
  }
}

TEST(AsymmetricGridOfSpecialWeights, ARowThatIsAllAboveZeroHasAllCodesForIt) {
  Execution exec;
  const MatrixD weight = random_matrix(1, 50, 3).cwiseAbs();
  EXPECT_EQ(fit_grid(exec, weight, {.bits = 4, .zero_points = true}).zero_points(0, 0), -8);
}

TEST(AsymmetricGridOfSpecialWeights, SymmetricWithTheWholeRangeClipsNothing) {
  Execution exec;
  const MatrixD weight = random_matrix(3, 50, 3);
  const MatrixF scales = fit_grid(exec, weight, {.bits = 4, .range = Range::minmax}).scales;
  for (Index row = 0; row < 3; ++row)
    EXPECT_NEAR(scales(row, 0), weight.row(row).cwiseAbs().maxCoeff() / 7, scales(row, 0) / 256);
}

TEST(AsymmetricGridOfATrainedModel, EqualsTheReference) {
  LRC_REQUIRE_LRQ_FIXTURE();
  LRC_REQUIRE_SHARED_DATA("models/stories260k");
  const StoredModel model(shared_data("models/stories260k"));
  Execution exec;
  for (const GroupLayout& group : block_layout(model.config(), 0).groups()) {
    for (const Linear& linear : model.group(0, group).linears) {
      const FittedGrid fitted = fit_grid(exec, linear.weight.cast<double>(), {.bits = 4, .zero_points = true});
      const MatrixF scales = lrq_fixture("s_", linear.name), zeros = lrq_fixture("z_", linear.name);
      ASSERT_EQ(fitted.scales.rows(), scales.rows());
      EXPECT_EQ(fitted.zero_points.cast<float>(), MatrixF(zeros.array() - 8)) << linear.name;
      EXPECT_LE((fitted.scales - scales).cwiseQuotient(scales).cwiseAbs().maxCoeff(), 1e-6F) << linear.name;
    }
  }
}

}  // namespace
}  // namespace lrc
