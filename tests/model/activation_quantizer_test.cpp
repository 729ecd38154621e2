#include "lrc/model/forward/activation_quantizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace lrc {
namespace {

float highest_of(const ActivationQuantizer& q) { return static_cast<float>((1 << (q.bits - 1)) - 1); }

// The codes of a group times its scale, by a given grid.
std::vector<float> by_grid(const std::vector<float>& group, ActivationGrid grid, float highest) {
  std::vector<float> y = group;
  if (grid.scale == 0) return y;
  for (float& value : y) {
    const float code = std::nearbyint(std::min(highest, std::max(-highest - 1, value / grid.scale + grid.zero_point)));
    value = (code - grid.zero_point) * grid.scale;
  }
  return y;
}

double squared_error(const std::vector<float>& x, const std::vector<float>& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
  return sum;
}

// As arXiv 2407.11534 has it, by codes 0 … 2^b − 1: z = clamp(round(−least/s)).
ActivationGrid naive_asymmetric(const std::vector<float>& x, const ActivationQuantizer& q) {
  float least = *std::min_element(x.begin(), x.end()), greatest = *std::max_element(x.begin(), x.end());
  if (q.includes_zero) least = std::min(0.0F, least), greatest = std::max(0.0F, greatest);
  const float codes = static_cast<float>((1 << q.bits) - 1), middle = static_cast<float>(1 << (q.bits - 1));
  const float scale = std::max((greatest - least) / codes, 1e-8F);
  const float zero = std::min(codes, std::max(0.0F, std::nearbyint(-middle - least / scale) + middle));
  return {scale, zero - middle};
}

ActivationGrid naive_grid(const std::vector<float>& x, const ActivationQuantizer& q) {
  if (q.scale == ActivationScale::minmax) return naive_asymmetric(x, q);
  float extreme = 0, best = 0;
  for (const float value : x) {
    if (std::fabs(value) > std::fabs(extreme)) extreme = value;
  }
  double least = INFINITY;
  for (const float clip : q.fits_clip ? std::vector<float>{1.0F, 0.9F, 0.8F, 0.7F, 0.6F} : std::vector<float>{q.clip}) {
    const float highest = highest_of(q);
    const bool is_signed = q.scale == ActivationScale::signed_absmax;
    const float scale = is_signed ? clip * extreme / -(highest + 1) : clip * std::fabs(extreme) / highest;
    const double error = squared_error(x, by_grid(x, {scale, 0}, highest));
    if (error < least) best = scale;
    least = std::min(least, error);
  }
  return {best, 0};
}

// One token, by the definition, in the order of operations that the runtime of compressed-tensors uses: calls
// visit(group, grid).
template <class Visit>
void for_each_group(const std::vector<float>& x, const ActivationQuantizer& q, const Visit& visit) {
  const std::size_t width = q.group_size == 0 ? x.size() : static_cast<std::size_t>(q.group_size);
  for (std::size_t first = 0; first < x.size(); first += width) {
    const auto from = x.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<float> group(from, from + static_cast<std::ptrdiff_t>(std::min(width, x.size() - first)));
    visit(group, naive_grid(group, q));
  }
}

std::vector<float> naive(const std::vector<float>& x, const ActivationQuantizer& q) {
  std::vector<float> y;
  for_each_group(x, q, [&](const std::vector<float>& group, ActivationGrid grid) {
    for (const float value : by_grid(group, grid, highest_of(q))) y.push_back(value);
  });
  return y;
}

std::vector<ActivationQuantizer> quantizers() {
  std::vector<ActivationQuantizer> all;
  for (const int bits : {2, 3, 4, 8}) {
    for (const Index group : {0, 5, 128}) {
      for (const ActivationScale scale : {ActivationScale::absmax, ActivationScale::signed_absmax}) {
        for (const float clip : {0.9F, 14.0F / 15.0F, 1.0F})
          all.push_back({.bits = bits, .clip = clip, .group_size = group, .scale = scale});
        all.push_back({.bits = bits, .clip = 1, .group_size = group, .scale = scale, .fits_clip = true});
      }
      for (const bool zero : {false, true})
        all.push_back({.bits = bits, .group_size = group, .scale = ActivationScale::minmax, .includes_zero = zero});
    }
  }
  return all;
}

TEST(ActivationQuantizer, IsItsDefinition) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const ActivationQuantizer& quantizer : quantizers()) {
    for (const Index d : {1, 7, 16, 33, 200}) {
      std::vector<float> x(static_cast<std::size_t>(d));
      for (const float shift : {0.0F, 5.0F, -7.0F}) {  // of one sign, too
        for (float& value : x) value = normal(random) + shift;
        MatrixF token = Eigen::Map<MatrixF>(x.data(), 1, d);
        quantizer.apply(token);
        EXPECT_EQ(std::vector<float>(token.data(), token.data() + d), naive(x, quantizer))
            << quantizer.bits << " " << quantizer.group_size << " " << d << static_cast<int>(quantizer.scale) << shift;
      }
    }
  }
}

TEST(ActivationQuantizer, PassesGradientsWhereItDoesNotClamp) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  Index stopped = 0;
  for (const ActivationQuantizer& quantizer : quantizers()) {
    for (const Index d : {1, 7, 16, 33, 200}) {
      std::vector<float> x(static_cast<std::size_t>(d)), expected;
      for (float& value : x) value = normal(random);
      for_each_group(x, quantizer, [&](const std::vector<float>& group, ActivationGrid grid) {
        for (const float value : group) {
          const float highest = highest_of(quantizer);
          const float nearest = std::nearbyint(value / grid.scale + grid.zero_point);
          expected.push_back(-highest - 1 <= nearest && nearest <= highest ? 3.0F : 0.0F);
        }
      });
      MatrixF gradient = MatrixF::Constant(1, d, 3);
      quantizer.backward(Eigen::Map<MatrixF>(x.data(), 1, d), gradient);
      EXPECT_EQ(std::vector<float>(gradient.data(), gradient.data() + d), expected)
          << quantizer.bits << " " << quantizer.group_size << " " << d << static_cast<int>(quantizer.scale)
          << quantizer.fits_clip;
      stopped += (gradient.array() == 0).count();
    }
  }
  EXPECT_GT(stopped, 100);
  MatrixF zeros = MatrixF::Zero(1, 3), gradient = MatrixF::Ones(1, 3);
  ActivationQuantizer{}.backward(zeros, gradient);
  EXPECT_EQ(gradient, MatrixF::Ones(1, 3));
}

TEST(ActivationQuantizer, ASignedScaleGivesTheExtremeTheLowestCodeWhateverItsSign) {
  for (const float sign : {1.0F, -1.0F}) {
    MatrixF x(1, 4);
    x << 8, 7, -7, 1;
    x *= sign;
    const MatrixF before = x;
    ActivationQuantizer{.bits = 4, .clip = 1, .scale = ActivationScale::signed_absmax}.apply(x);
    EXPECT_EQ(x, before);  // scale −1 or 1: codes −8, −7, 7, −1
  }
}

TEST(ActivationQuantizer, AnAsymmetricScaleIsWithinHalfAStepOfWhatLiesInItsRangeAndKeepsZero) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(1, 2);
  for (const int bits : {2, 4, 8}) {
    MatrixF x(1, 67);
    for (float& value : x.reshaped()) value = normal(random);
    x(0, 3) = 0;
    const float step = (x.maxCoeff() - x.minCoeff()) / static_cast<float>((1 << bits) - 1);
    MatrixF y = x, fixed = x;
    ActivationQuantizer{.bits = bits, .scale = ActivationScale::minmax}.apply(y);
    EXPECT_EQ(y(0, 3), 0);
    // The zero point is rounded, too: what is cut off at the ends is half a step more at most.
    EXPECT_LT((y - x).cwiseAbs().maxCoeff(), 1.001F * step);
    std::set<float> values(y.data(), y.data() + y.size());
    EXPECT_LE(values.size(), std::size_t{1} << bits);
    const ActivationGrid grid = asymmetric_grid(x.minCoeff(), x.maxCoeff(), bits);
    ActivationQuantizer{.bits = bits, .scale = ActivationScale::fixed, .grid = grid}.apply(fixed);
    EXPECT_EQ(fixed, y);
  }
}

TEST(ActivationQuantizer, AFixedGridTakesNothingFromTheTokenAndCutsOffWhatLiesBeyondIt) {
  const ActivationQuantizer quantizer{
      .bits = 8, .scale = ActivationScale::fixed, .grid = asymmetric_grid(-1, 4.1F, 8)};  // scale 0.02
  EXPECT_FLOAT_EQ(quantizer.grid.scale, 0.02F);
  EXPECT_EQ(quantizer.grid.zero_point, -78);
  MatrixF x(2, 3);
  x << 100, -100, 0.031F, 0, 1e-9F, -0.999F;
  quantizer.apply(x);
  MatrixF expected(2, 3);
  expected << 4.1F, -1, 0.04F, 0, 0, -1;
  EXPECT_LT((x - expected).cwiseAbs().maxCoeff(), 1e-6F) << x;
}

// As the code of arXiv 2407.11534 does: only a range with 0 in it has codes for a constant token.
TEST(ActivationQuantizer, AConstantTokenStaysWhereZeroIsIncluded) {
  for (const float value : {3.0F, -0.25F, 0.0F, 1e-12F}) {
    MatrixF x = MatrixF::Constant(2, 19, value), y = x;
    ActivationQuantizer{.bits = 8, .scale = ActivationScale::minmax, .includes_zero = true}.apply(x);
    EXPECT_LT((x.array() - value).abs().maxCoeff(), 1e-6F);
    ActivationQuantizer{.bits = 8, .scale = ActivationScale::minmax}.apply(y);
    EXPECT_LT(y.cwiseAbs().maxCoeff(), 256e-8F);
    EXPECT_TRUE(y.allFinite());
  }
}

// A part of a token, given the extremes of its whole groups, comes out as in the whole token.
TEST(ActivationQuantizer, OfAPartIsThatOfTheWhole) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  constexpr Index kChannels = 37;
  MatrixF token(1, kChannels);
  for (float& value : token.reshaped()) value = normal(random);
  std::vector<ActivationQuantizer> all{{.scale = ActivationScale::fixed, .grid = {0.25F, 1}}};
  for (const Index group : {0, 5, 128}) {
    all.push_back({.clip = 0.7F, .group_size = group});
    all.push_back({.group_size = group, .scale = ActivationScale::minmax});
  }
  for (const ActivationQuantizer& quantizer : all) {
    MatrixF whole = token;
    quantizer.apply(whole);
    std::vector<float> extremes(static_cast<std::size_t>(quantizer.extremes(kChannels)));
    quantizer.find_extremes(token.data(), kChannels, extremes.data());
    for (const auto& [first, end] : {std::pair<Index, Index>{0, 37}, {0, 1}, {4, 12}, {36, 37}}) {
      MatrixF part = token.middleCols(first, end - first);
      quantizer.apply(part.data(), first, end, extremes.data());
      EXPECT_EQ(part, whole.middleCols(first, end - first)) << quantizer.group_size << " " << first;
    }
  }
}

TEST(ActivationQuantizer, TiesGoToEvenAndZeroTokensStay) {
  MatrixF x(2, 4);
  x << 7, 0.5F, 1.5F, -2.5F, 0, 0, 0, 0;
  ActivationQuantizer{.bits = 4, .clip = 1}.apply(x);
  MatrixF expected(2, 4);
  expected << 7, 0, 2, -2, 0, 0, 0, 0;
  EXPECT_EQ(x, expected);
}

TEST(ActivationQuantizer, SixteenBitsLeaveInputsAlone) {
  MatrixF x = MatrixF::Constant(2, 3, 0.1234F);
  const MatrixF before = x;
  ActivationQuantizer{.bits = 16}.apply(x);
  EXPECT_EQ(x, before);
}

}  // namespace
}  // namespace lrc
