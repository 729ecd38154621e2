#include "lrc/quantization/lrq/learned_weight.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "linalg/random_matrix.hpp"
#include "lrc/quantization/grid/rtn.hpp"

namespace lrc {
namespace {

struct Case {
  LearnedForm form;
  Index d_out, d_in, rank;
  WeightGrid grid;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "form " << static_cast<int>(c.form) << " " << c.d_out << "x" << c.d_in << " rank " << c.rank << " bits "
       << c.grid.bits << " groups of " << c.grid.group_size << (c.grid.zero_points ? ", zero points" : "");
}

LearnedWeight make(const Case& c, const MatrixF& weight, FittedGrid grid) {
  if (c.form == LearnedForm::low_rank) {
    return LearnedWeight::low_rank(weight, c.grid.bits, std::move(grid), initial_u2(c.rank, c.d_in, 1, "a"));
  }
  if (c.form == LearnedForm::full) return LearnedWeight::full(weight, c.grid.bits, std::move(grid));
  return LearnedWeight::additive(weight, c.grid, std::move(grid));
}

// The definitions, in double: of each weight the scale and what is rounded, from the parameters in their order.
struct Exact {
  MatrixD scales, ratios;  // d_out×d_in
};

Exact exact(const Case& c, const MatrixF& weight, const FittedGrid& grid, const std::vector<MatrixD>& p) {
  const MatrixD w = weight.cast<double>();
  if (c.form == LearnedForm::additive) {
    const Index width = c.grid.group_width(c.d_in);
    const MatrixD scales =
        MatrixD::NullaryExpr(c.d_out, c.d_in, [&](Index i, Index j) { return grid.scales(i, j / width); });
    return {scales, w.cwiseQuotient(scales) + p[0]};
  }
  const MatrixD scales = p[0].array().exp().matrix().replicate(1, c.d_in);
  MatrixD logs = p[0].replicate(1, c.d_in);
  if (c.form == LearnedForm::low_rank) {
    logs += p[1] * p[2] + p[3].replicate(1, c.d_in) + p[4].replicate(c.d_out, 1);
  } else {
    logs += p[1] + p[2].replicate(1, c.d_in);
  }
  return {scales, w.array() / logs.array().exp()};
}

class Learned : public testing::TestWithParam<Case> {
 protected:
  Learned() {
    for (NamedMatrix& p : learned_.parameters()) {
      const float size = p.name == "A" ? 0.4F : 0.15F;
      p.values += size * random_floats(p.values.rows(), p.values.cols(), static_cast<unsigned>(p.name[0]));
    }
  }

  std::vector<MatrixD> parameters() const {
    std::vector<MatrixD> all;
    for (const NamedMatrix& p : learned_.parameters()) all.push_back(p.values.cast<double>());
    return all;
  }

  int zero_point(Index i, Index j) const {
    return case_.grid.zero_points ? fitted_.zero_points(i, j / case_.grid.group_width(case_.d_in)) : 0;
  }

  MatrixD integers(const MatrixD& ratios) const {
    return MatrixD::NullaryExpr(case_.d_out, case_.d_in, [&](Index i, Index j) {
      const int zero = zero_point(i, j);
      return std::clamp<double>(std::nearbyint(ratios(i, j)), case_.grid.lowest() - zero, case_.grid.highest() - zero);
    });
  }

  // How much of a gradient passes.
  MatrixD passed(const MatrixD& ratios) const {
    return MatrixD::NullaryExpr(case_.d_out, case_.d_in, [&](Index i, Index j) {
      const double q = std::nearbyint(ratios(i, j)), lowest = case_.grid.lowest() - zero_point(i, j),
                   highest = case_.grid.highest() - zero_point(i, j);
      if (q < lowest || q > highest) return 0.0;
      return case_.form != LearnedForm::additive && (q == lowest || q == highest) ? 0.5 : 1.0;
    });
  }

  const Case case_ = GetParam();
  const MatrixF weight_ = random_floats(case_.d_out, case_.d_in, 3) * 0.02F;
  Execution exec_{2};
  const FittedGrid fitted_ = fit_grid(exec_, weight_.cast<double>(), case_.grid);
  LearnedWeight learned_ = make(case_, weight_, fitted_);
};

TEST_P(Learned, ValuesAreThoseOfTheDefinition) {
  const Exact e = exact(case_, weight_, fitted_, parameters());
  const MatrixD expected = e.scales.cwiseProduct(integers(e.ratios));
  const MatrixF values = learned_.values(exec_);
  for (Index i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values.data()[i], expected.data()[i], 1e-6 * std::abs(expected.data()[i])) << i;
  }
}

TEST_P(Learned, CodesAreTheValues) {
  const QuantizedWeight quantized = learned_.quantized(exec_);
  EXPECT_EQ(quantized.zero_points.size(), case_.grid.zero_points ? quantized.scales.size() : 0);
  EXPECT_LE(quantized.codes.maxCoeff(), case_.grid.highest());
  EXPECT_GE(quantized.codes.minCoeff(), case_.grid.lowest());
  EXPECT_EQ(dequantized(quantized.codes, quantized.scales, quantized.zero_points, case_.grid.group_size),
            learned_.values(exec_));
}

// Against central differences of what the straight-through gradient is the gradient of: around the parameters as they
// are, rounding adds what it adds there, and as much passes as passes there.
TEST_P(Learned, GradientIsThatOfTheSmoothSurrogate) {
  const MatrixF by_values = random_floats(case_.d_out, case_.d_in, 5);
  const std::vector<MatrixF> gradients = learned_.gradient(exec_, by_values);
  std::vector<MatrixD> p = parameters();
  const MatrixD start = exact(case_, weight_, fitted_, p).ratios, at_start = integers(start), share = passed(start);
  const auto loss = [&] {
    const Exact e = exact(case_, weight_, fitted_, p);
    const MatrixD surrogate = at_start + share.cwiseProduct(e.ratios - start);
    return by_values.cast<double>().cwiseProduct(e.scales.cwiseProduct(surrogate)).sum();
  };
  ASSERT_EQ(gradients.size(), p.size());
  for (std::size_t k = 0; k < p.size(); ++k) {
    ASSERT_EQ(gradients[k].rows(), p[k].rows());
    ASSERT_EQ(gradients[k].cols(), p[k].cols());
    const double largest = gradients[k].cwiseAbs().maxCoeff();
    const Index stride = std::max<Index>(1, p[k].size() / 200);
    for (Index i = 0; i < p[k].size(); i += stride) {
      const double kept = p[k].data()[i], step = 1e-5;
      p[k].data()[i] = kept + step;
      const double above = loss();
      p[k].data()[i] = kept - step;
      const double difference = (above - loss()) / (2 * step);
      p[k].data()[i] = kept;
      EXPECT_NEAR(gradients[k].data()[i], difference, 2e-6 * largest + 1e-7)
          << learned_.parameters()[k].name << " " << i;
    }
  }
}

TEST_P(Learned, AnyNumberOfThreadsGivesTheSameBits) {
  Execution one(1), three(3);
  EXPECT_EQ(learned_.values(one), learned_.values(three));
  EXPECT_EQ(learned_.quantized(one).codes, learned_.quantized(three).codes);
  const MatrixF by_values = random_floats(case_.d_out, case_.d_in, 5);
  EXPECT_EQ(learned_.gradient(one, by_values), learned_.gradient(three, by_values));
}

TEST_P(Learned, StartsAtRoundToNearestAndWithoutAGradientOfU2) {
  const LearnedWeight start = make(case_, weight_, fitted_);
  const QuantizedWeight nearest = round_to_nearest(exec_, weight_.cast<double>(), case_.grid);
  EXPECT_EQ(start.quantized(exec_).codes, nearest.codes);
  if (case_.form != LearnedForm::low_rank) return;
  const std::vector<MatrixF> gradients = start.gradient(exec_, random_floats(case_.d_out, case_.d_in, 5));
  EXPECT_EQ(start.parameters()[2].name, "U2");
  EXPECT_TRUE((gradients[2].array() == 0).all());
  EXPECT_TRUE((gradients[1].array() != 0).any());
}

TEST_P(Learned, PlannedBytesAreThoseOfTheParameters) {
  double bytes = 0;
  for (const NamedMatrix& p : learned_.parameters()) bytes += 4.0 * static_cast<double>(p.values.size());
  EXPECT_EQ(learned_weight_bytes(case_.form, case_.d_out, case_.d_in, case_.rank).parameters, bytes);
}

WeightGrid asymmetric(int bits) { return {.bits = bits, .zero_points = true}; }

INSTANTIATE_TEST_SUITE_P(
    Cases, Learned,
    testing::Values(
        Case{LearnedForm::low_rank, 2, 3, 1, asymmetric(4)}, Case{LearnedForm::low_rank, 19, 33, 5, asymmetric(2)},
        Case{LearnedForm::low_rank, 40, 17, 16, {.bits = 3}}, Case{LearnedForm::low_rank, 21, 270, 7, asymmetric(8)},
        Case{LearnedForm::low_rank, 1030, 5, 2, asymmetric(4)}, Case{LearnedForm::full, 1, 1, 1, asymmetric(4)},
        Case{LearnedForm::full, 19, 33, 19, asymmetric(3)}, Case{LearnedForm::full, 1030, 5, 5, {.bits = 2}},
        Case{LearnedForm::additive, 1, 1, 0, {.bits = 4}}, Case{LearnedForm::additive, 18, 35, 0, {.bits = 4}},
        Case{LearnedForm::additive, 18, 35, 0, {.bits = 3, .group_size = 16}},
        Case{LearnedForm::additive, 18, 35, 0, {.bits = 4, .group_size = 16, .zero_points = true}}));

TEST(LearnedForms, AsMuchRankAsThereIsIsFull) {
  EXPECT_EQ(form_of_rank(4, 7, 3), LearnedForm::low_rank);
  EXPECT_EQ(form_of_rank(4, 7, 4), LearnedForm::full);
  EXPECT_EQ(form_of_rank(7, 4, 5), LearnedForm::full);
}

TEST(InitialU2, FollowsFromSeedNameAndPlace) {
  const MatrixF u2 = initial_u2(5, 100, 7, "model.layers.0.mlp.down_proj");
  EXPECT_LE(u2.cwiseAbs().maxCoeff(), 0.1F);
  EXPECT_GT(u2.cwiseAbs().maxCoeff(), 0.099F);
  EXPECT_NEAR(u2.mean(), 0, 0.01);
  EXPECT_EQ(initial_u2(3, 100, 7, "model.layers.0.mlp.down_proj"), u2.topRows(3));
  EXPECT_NE(initial_u2(5, 100, 8, "model.layers.0.mlp.down_proj"), u2);
  EXPECT_NE(initial_u2(5, 100, 7, "model.layers.1.mlp.down_proj"), u2);
}

}  // namespace
}  // namespace lrc
