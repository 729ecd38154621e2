#include "lrc/model/activation_quantizer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace lrc {
namespace {

// One token, by the definition, in the order of operations that the runtime of compressed-tensors uses.
std::vector<float> naive(const std::vector<float>& x, float clip, int bits, Index group) {
  std::vector<float> y(x.size());
  const float highest = static_cast<float>((1 << (bits - 1)) - 1);
  const Index size = static_cast<Index>(x.size()), width = group == 0 ? size : group;
  for (Index first = 0; first < size; first += width) {
    float largest = 0;
    for (Index i = first; i < std::min(first + width, size); ++i) largest = std::max(largest, std::fabs(x[i]));
    const float scale = clip * largest / highest;
    for (Index i = first; i < std::min(first + width, size); ++i) {
      y[i] = scale == 0 ? x[i] : std::nearbyint(std::min(highest, std::max(-highest - 1, x[i] / scale))) * scale;
    }
  }
  return y;
}

TEST(ActivationQuantizer, IsItsDefinition) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const int bits : {2, 3, 4, 8}) {
    for (const Index group : {0, 5, 128}) {
      for (const Index d : {1, 7, 16, 33, 200}) {
        for (const float clip : {0.9F, 14.0F / 15.0F, 1.0F}) {
          std::vector<float> x(static_cast<std::size_t>(d));
          for (float& value : x) value = normal(random);
          MatrixF token = Eigen::Map<MatrixF>(x.data(), 1, d);
          ActivationQuantizer{.bits = bits, .clip = clip, .group_size = group}.apply(token);
          EXPECT_EQ(std::vector<float>(token.data(), token.data() + d), naive(x, clip, bits, group))
              << bits << " " << group << " " << d;
        }
      }
    }
  }
}

// A part of a token, given what its whole groups' largest magnitudes are, comes out as in the whole token.
TEST(ActivationQuantizer, OfAPartIsThatOfTheWhole) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  constexpr Index kChannels = 37;
  MatrixF token(1, kChannels);
  for (float& value : token.reshaped()) value = normal(random);
  for (const Index group : {0, 5, 128}) {
    MatrixF whole = token;
    ActivationQuantizer{.clip = 0.7F, .group_size = group}.apply(whole);
    const ActivationQuantizer quantizer{.clip = 1, .group_size = group};
    std::vector<float> largest(static_cast<std::size_t>(quantizer.groups(kChannels)));
    quantizer.find_largest(token.data(), kChannels, largest.data());
    for (const auto& [first, end] : {std::pair<Index, Index>{0, 37}, {0, 1}, {4, 12}, {36, 37}}) {
      MatrixF part = token.middleCols(first, end - first);
      quantizer.apply(part.data(), first, end, largest.data(), 0.7F);
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
