#include "lrc/model/forward/activation_quantizer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace lrc {
namespace {

// The codes of a group times its scale, given that.
std::vector<float> by_scale(const std::vector<float>& group, float scale, float highest) {
  std::vector<float> y = group;
  if (scale == 0) return y;
  for (float& value : y) value = std::nearbyint(std::min(highest, std::max(-highest - 1, value / scale))) * scale;
  return y;
}

double squared_error(const std::vector<float>& x, const std::vector<float>& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
  return sum;
}

float highest_of(const ActivationQuantizer& q) { return static_cast<float>((1 << (q.bits - 1)) - 1); }

float naive_scale(const std::vector<float>& x, const ActivationQuantizer& q) {
  float extreme = 0, best = 0;
  for (const float value : x) {
    if (std::fabs(value) > std::fabs(extreme)) extreme = value;
  }
  double least = INFINITY;
  for (const float clip : q.fits_clip ? std::vector<float>{1.0F, 0.9F, 0.8F, 0.7F, 0.6F} : std::vector<float>{q.clip}) {
    const float highest = highest_of(q);
    const float scale = q.is_signed ? clip * extreme / -(highest + 1) : clip * std::fabs(extreme) / highest;
    const double error = squared_error(x, by_scale(x, scale, highest));
    if (error < least) best = scale;
    least = std::min(least, error);
  }
  return best;
}

// One token, by the definition, in the order of operations that the runtime of compressed-tensors uses: calls
// visit(group, scale).
template <class Visit>
void for_each_group(const std::vector<float>& x, const ActivationQuantizer& q, const Visit& visit) {
  const std::size_t width = q.group_size == 0 ? x.size() : static_cast<std::size_t>(q.group_size);
  for (std::size_t first = 0; first < x.size(); first += width) {
    const auto from = x.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<float> group(from, from + static_cast<std::ptrdiff_t>(std::min(width, x.size() - first)));
    visit(group, naive_scale(group, q));
  }
}

std::vector<float> naive(const std::vector<float>& x, const ActivationQuantizer& q) {
  std::vector<float> y;
  for_each_group(x, q, [&](const std::vector<float>& group, float scale) {
    for (const float value : by_scale(group, scale, highest_of(q))) y.push_back(value);
  });
  return y;
}

std::vector<ActivationQuantizer> quantizers() {
  std::vector<ActivationQuantizer> all;
  for (const int bits : {2, 3, 4, 8}) {
    for (const Index group : {0, 5, 128}) {
      for (const bool is_signed : {false, true}) {
        for (const float clip : {0.9F, 14.0F / 15.0F, 1.0F})
          all.push_back({.bits = bits, .clip = clip, .group_size = group, .is_signed = is_signed});
        all.push_back({.bits = bits, .clip = 1, .group_size = group, .is_signed = is_signed, .fits_clip = true});
      }
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
      for (float& value : x) value = normal(random);
      MatrixF token = Eigen::Map<MatrixF>(x.data(), 1, d);
      quantizer.apply(token);
      EXPECT_EQ(std::vector<float>(token.data(), token.data() + d), naive(x, quantizer))
          << quantizer.bits << " " << quantizer.group_size << " " << d << quantizer.is_signed << quantizer.fits_clip;
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
      for_each_group(x, quantizer, [&](const std::vector<float>& group, float scale) {
        for (const float value : group) {
          const float nearest = std::nearbyint(value / scale), highest = highest_of(quantizer);
          expected.push_back(-highest - 1 <= nearest && nearest <= highest ? 3.0F : 0.0F);
        }
      });
      MatrixF gradient = MatrixF::Constant(1, d, 3);
      quantizer.backward(Eigen::Map<MatrixF>(x.data(), 1, d), gradient);
      EXPECT_EQ(std::vector<float>(gradient.data(), gradient.data() + d), expected)
          << quantizer.bits << " " << quantizer.group_size << " " << d << quantizer.is_signed << quantizer.fits_clip;
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
    ActivationQuantizer{.bits = 4, .clip = 1, .is_signed = true}.apply(x);
    EXPECT_EQ(x, before);  // scale −1 or 1: codes −8, −7, 7, −1
  }
}

// A part of a token, given the extremes of its whole groups, comes out as in the whole token.
TEST(ActivationQuantizer, OfAPartIsThatOfTheWhole) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  constexpr Index kChannels = 37;
  MatrixF token(1, kChannels);
  for (float& value : token.reshaped()) value = normal(random);
  for (const Index group : {0, 5, 128}) {
    MatrixF whole = token;
    ActivationQuantizer{.clip = 0.7F, .group_size = group}.apply(whole);
    const ActivationQuantizer quantizer{.clip = 0.7F, .group_size = group};
    std::vector<float> extremes(static_cast<std::size_t>(quantizer.groups(kChannels)));
    quantizer.find_extremes(token.data(), kChannels, extremes.data());
    for (const auto& [first, end] : {std::pair<Index, Index>{0, 37}, {0, 1}, {4, 12}, {36, 37}}) {
      MatrixF part = token.middleCols(first, end - first);
      quantizer.apply(part.data(), first, end, extremes.data());
      EXPECT_EQ(part, whole.middleCols(first, end - first)) << group << " " << first;
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
