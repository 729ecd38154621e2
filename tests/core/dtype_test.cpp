#include "lrc/core/dtype.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace lrc {
namespace {

TEST(Dtype, EveryHalfSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = float_from_f16(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(float_from_f16(f16_from_float(value))));
    } else {
      ASSERT_EQ(f16_from_float(value), bits);
    }
  }
}

TEST(Dtype, HalfRoundsToNearestEven) {
  EXPECT_EQ(f16_from_float(1.0F + 0x1p-11F), 0x3C00);             // halfway between 1 and the next: to even
  EXPECT_EQ(f16_from_float(1.0F + 3 * 0x1p-11F), 0x3C02);         // halfway, the other way
  EXPECT_EQ(f16_from_float(1.0F + 0x1p-11F + 0x1p-20F), 0x3C01);  // just above halfway
  EXPECT_EQ(f16_from_float(65519.0F), 0x7BFF);
  EXPECT_EQ(f16_from_float(65520.0F), 0x7C00);
  EXPECT_EQ(f16_from_float(0x1p-25F), 0x0000);
  EXPECT_EQ(f16_from_float(0x1.8p-25F), 0x0001);
}

TEST(Dtype, EveryBfloatSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = float_from_bf16(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) {
      ASSERT_EQ(bf16_from_float(value), bits);
    }
  }
}

TEST(Dtype, BfloatIsTheNearestNeighbour) {
  for (float value = 1.0F; value < 2.0F; value += 0.00071F) {
    const std::uint16_t bits = bf16_from_float(value);
    const float error = std::fabs(float_from_bf16(bits) - value);
    EXPECT_LE(error, std::fabs(float_from_bf16(static_cast<std::uint16_t>(bits + 1)) - value));
    EXPECT_LE(error, std::fabs(float_from_bf16(static_cast<std::uint16_t>(bits - 1)) - value));
  }
}

TEST(Dtype, BuffersRoundTripAtOddOffsets) {
  const std::vector<float> values{0.0F, -1.5F, 0.3125F, 4096.0F, -0x1p-14F};
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    std::vector<std::byte> bytes(values.size() * size_of(dtype) + 1);
    std::vector<float> back(values.size());
    encode(dtype, values, std::span(bytes).subspan(1));
    decode(dtype, std::span(bytes).subspan(1), back);
    EXPECT_EQ(back, values) << name_of(dtype);
  }
}

TEST(Dtype, NamesGoBothWays) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i32, Dtype::i64, Dtype::u8}) {
    EXPECT_EQ(dtype_from_name(name_of(dtype)), dtype);
  }
  EXPECT_FALSE(dtype_from_name("F8_E4M3").has_value());
}

}  // namespace
}  // namespace lrc
