#include "lrc/core/units.hpp"

#include <gtest/gtest.h>

namespace lrc {
namespace {

TEST(Units, BytesAreInPowersOf1024) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(22.6 * (1 << 30)), "22.6 GiB");
  EXPECT_EQ(bytes_text(3000.0 * (1 << 30) * 1024), "3000.0 TiB");
}

TEST(Units, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(duration_text(0.04), "0.0 s");
  EXPECT_EQ(duration_text(9.94), "9.9 s");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(200), "3 min 20 s");
  EXPECT_EQ(duration_text(7500), "2 h 05 min");
}

TEST(Units, SecondsAreThoseOfTheClock) {
  const Clock::time_point start{}, end = start + std::chrono::milliseconds(1500);
  EXPECT_EQ(seconds_between(start, end), 1.5);
  EXPECT_GE(seconds_since(Clock::now() - std::chrono::seconds(2)), 2);
}

}  // namespace
}  // namespace lrc
