#include "lrc/linalg/exponential.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace lrc {
namespace {

TEST(Exponential, IsRightToTwoUnitsInTheLastPlace) {
  for (double x = -87; x <= 88; x += 0.00137) {
    const auto argument = static_cast<float>(x);
    const double exact = std::exp(static_cast<double>(argument));
    EXPECT_NEAR(exponential(argument), exact, 0x1p-22 * exact) << x;
  }
  EXPECT_EQ(exponential(0), 1);
}

TEST(Exponential, StaysWithinTheNormalFloats) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float x : {88.1F, 1e30F, kInfinity}) EXPECT_EQ(exponential(x), exponential(88)) << x;
  for (const float x : {-87.1F, -1e30F, -kInfinity}) EXPECT_EQ(exponential(x), exponential(-87)) << x;
  EXPECT_EQ(exponential(-1e-40F), 1);
}

TEST(Exponential, OfNoNumberIsNone) {
  const float none = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(exponential(none)));
  EXPECT_TRUE(std::isnan(exponential(-none)));
}

TEST(Exponential, HasTheSameBitsInALoop) {
  std::vector<float> loop, one;
  for (float x = -100; x < 100; x += 0.37F) loop.push_back(x);
  for (const float x : loop) {
    volatile float alone = x;
    one.push_back(exponential(alone));
  }
  for (float& x : loop) x = exponential(x);
  EXPECT_EQ(loop, one);
}

}  // namespace
}  // namespace lrc
