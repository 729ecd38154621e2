#include "lrc/core/dtype.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <string>
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
  // Those of safetensors 0.8, with their bits.
  for (const auto& [name, bits] : std::map<std::string, int>{
           {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},   {"I8", 8},
           {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"I16", 16}, {"F8_E5M2FNUZ", 8},
           {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32}, {"F32", 32},
           {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}}) {
    const std::optional<Dtype> dtype = dtype_from_name(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(name_of(*dtype), name);
    EXPECT_EQ(bits_of(*dtype), bits) << name;
  }
  EXPECT_FALSE(dtype_from_name("F128").has_value());
}

TEST(Dtype, DoublesAreRoundedToFloats) {
  const std::vector<double> doubles{0.1, -1e-50, 1e300, 3.0};
  std::vector<float> floats(4);
  decode(Dtype::f64, std::as_bytes(std::span(doubles)), floats);
  EXPECT_EQ(floats, (std::vector<float>{0.1F, -0.0F, INFINITY, 3.0F}));
}

TEST(Dtype, TheFirstValueBeyondADtypeIsFound) {
  const float half = 65519, more = 65520, largest = std::numeric_limits<float>::max();
  EXPECT_FALSE(first_beyond(Dtype::f16, std::vector<float>{half, -half}));
  EXPECT_EQ(first_beyond(Dtype::f16, std::vector<float>{half, -more, more}), 1);
  EXPECT_EQ(first_beyond(Dtype::bf16, std::vector<float>{more, largest}), 1);
  EXPECT_FALSE(first_beyond(Dtype::f32, std::vector<float>{more, -largest}));
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16})
    EXPECT_EQ(first_beyond(dtype, std::vector<float>{0, 0, NAN}), 2) << name_of(dtype);
}

}  // namespace
}  // namespace lrc
