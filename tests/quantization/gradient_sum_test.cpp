#include "lrc/quantization/lrq/gradient_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "linalg/random_matrix.hpp"

namespace lrc {
namespace {

constexpr Index kRows = 37, kCols = 501, kWindows = 7;

// Of sizes from 1 to 10^-6, so that sums of floats depend on their order.
std::vector<MatrixF> windows() {
  std::vector<MatrixF> all;
  for (unsigned w = 0; w < kWindows; ++w) all.push_back(random_floats(kRows, kCols, w) * std::pow(0.1F, float(w)));
  return all;
}

float largest_of(Execution& exec, const std::vector<MatrixF>& all) {
  float largest = 0;
  for (const MatrixF& m : all) largest = std::max(largest, largest_magnitude(exec, m));
  return largest;
}

TEST(GradientSum, DoesNotDependOnOrderSplitOrThreads) {
  Execution one(1), three(3);
  std::vector<MatrixF> all = windows();
  const float largest = largest_of(one, all);
  GradientSum whole(kRows, kCols, largest, kWindows);
  for (const MatrixF& m : all) whole.add(one, m);
  std::shuffle(all.begin(), all.end(), std::mt19937(1));
  GradientSum first(kRows, kCols, largest, kWindows), second = first;
  for (std::size_t w = 0; w < all.size(); ++w) (w < 2 ? first : second).add(three, all[w]);
  for (std::size_t i = 0; i < first.words().size(); ++i) second.words()[i] += first.words()[i];
  EXPECT_EQ(second.value(three), whole.value(one));
}

TEST(GradientSum, IsTheSumRoundedOnce) {
  Execution exec(2);
  const std::vector<MatrixF> all = windows();
  const float largest = largest_of(exec, all);
  GradientSum sum(kRows, kCols, largest, kWindows);
  MatrixD exact = MatrixD::Zero(kRows, kCols);
  for (const MatrixF& m : all) {
    sum.add(exec, m);
    exact += m.cast<double>();
  }
  const MatrixF value = sum.value(exec);
  for (Index i = 0; i < exact.size(); ++i) {
    const double expected = exact.data()[i];
    EXPECT_NEAR(value.data()[i], expected, 0x1p-24 * std::abs(expected) + largest * kWindows * 0x1p-50);
  }
}

TEST(GradientSum, OfOneMatrixIsThatMatrixDownTo27BitsBelowItsLargest) {
  Execution exec;
  for (const float size : {1.0F, 1e-38F, 3e38F}) {
    MatrixF m(1, 4);
    m << size, -size, size * 0x1.555556p-26F, 0;
    GradientSum sum(1, 4, largest_magnitude(exec, m), 1);
    sum.add(exec, m);
    EXPECT_EQ(sum.value(exec), m) << size;
  }
}

TEST(GradientSum, HasRoomForAsManyAsWereCounted) {
  Execution exec;
  constexpr Index kMany = 5000;
  const MatrixF m = MatrixF::Constant(1, 2, 0x1.fffffep3F);
  GradientSum sum(1, 2, 0x1.fffffep3F, kMany);
  for (Index i = 0; i < kMany; ++i) sum.add(exec, m);
  EXPECT_EQ(sum.value(exec), MatrixF(m * static_cast<float>(kMany)));
}

TEST(GradientSum, OfZerosIsZero) {
  Execution exec;
  const MatrixF m = MatrixF::Zero(3, 2);
  GradientSum sum(3, 2, largest_magnitude(exec, m), 1);
  sum.add(exec, m);
  EXPECT_EQ(sum.value(exec), m);
}

TEST(LargestMagnitude, IsFoundWhereverItIsAndInfiniteWithoutNumbers) {
  Execution exec(3);
  MatrixF m = random_floats(kRows, kCols, 1).cwiseMin(3).cwiseMax(-3);
  for (const Index at : {Index{0}, Index{16384}, m.size() - 1}) {
    const float kept = m.data()[at];
    m.data()[at] = -9;
    EXPECT_EQ(largest_magnitude(exec, m), 9);
    for (const float odd : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      m.data()[at] = odd;
      EXPECT_EQ(largest_magnitude(exec, m), INFINITY);
    }
    m.data()[at] = kept;
  }
  EXPECT_EQ(largest_magnitude(exec, MatrixF(0, 3)), 0);
}

}  // namespace
}  // namespace lrc
