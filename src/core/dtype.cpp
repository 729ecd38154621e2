#include "lrc/core/dtype.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

namespace lrc {
namespace {

struct Format {
  Dtype dtype;
  std::string_view name;
  int bits;
};

constexpr std::array kFormats{Format{Dtype::f64, "F64", 64},
                              Format{Dtype::f32, "F32", 32},
                              Format{Dtype::f16, "F16", 16},
                              Format{Dtype::bf16, "BF16", 16},
                              Format{Dtype::f8_e5m2, "F8_E5M2", 8},
                              Format{Dtype::f8_e4m3, "F8_E4M3", 8},
                              Format{Dtype::f8_e8m0, "F8_E8M0", 8},
                              Format{Dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
                              Format{Dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
                              Format{Dtype::f6_e2m3, "F6_E2M3", 6},
                              Format{Dtype::f6_e3m2, "F6_E3M2", 6},
                              Format{Dtype::f4, "F4", 4},
                              Format{Dtype::c64, "C64", 64},
                              Format{Dtype::i64, "I64", 64},
                              Format{Dtype::i32, "I32", 32},
                              Format{Dtype::i16, "I16", 16},
                              Format{Dtype::i8, "I8", 8},
                              Format{Dtype::u64, "U64", 64},
                              Format{Dtype::u32, "U32", 32},
                              Format{Dtype::u16, "U16", 16},
                              Format{Dtype::u8, "U8", 8},
                              Format{Dtype::boolean, "BOOL", 8}};

const Format& format_of(Dtype dtype) { return *std::ranges::find(kFormats, dtype, &Format::dtype); }

static_assert(std::endian::native == std::endian::little, "tensor files are little endian, and so must be the machine");

template <class Bits, class Convert>
void decode_each(std::span<const std::byte> bytes, std::span<float> values, Convert convert) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
    values[i] = convert(bits);
  }
}

template <class Convert>
void encode_each(std::span<const float> values, std::span<std::byte> bytes, Convert convert) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = convert(values[i]);
    std::memcpy(bytes.data() + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace

int bits_of(Dtype dtype) { return format_of(dtype).bits; }

std::size_t size_of(Dtype dtype) {
  assert(bits_of(dtype) % 8 == 0);
  return static_cast<std::size_t>(bits_of(dtype)) / 8;
}

bool is_float(Dtype dtype) {
  return dtype == Dtype::f64 || dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16;
}

std::string_view name_of(Dtype dtype) { return format_of(dtype).name; }

std::optional<Dtype> dtype_from_name(std::string_view name) {
  const auto found = std::ranges::find(kFormats, name, &Format::name);
  return found == kFormats.end() ? std::nullopt : std::optional(found->dtype);
}

float float_from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::uint16_t bf16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

float float_from_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1Fu;
  const std::uint32_t mantissa = bits & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  if (exponent == 0) {  // zero or subnormal: mantissa · 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

std::uint16_t f16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u);
  if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // 65520 and above
  if (magnitude < 0x38800000u) {                                                    // below 2^-14: subnormal
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p24F;
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(std::nearbyint(scaled)));
  }
  const std::uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

float rounded_to(Dtype dtype, float value) {
  assert(dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16);
  if (dtype == Dtype::f16) return float_from_f16(f16_from_float(value));
  if (dtype == Dtype::bf16) return float_from_bf16(bf16_from_float(value));
  return value;
}

std::optional<Index> first_beyond(Dtype dtype, std::span<const float> values) {
  const auto beyond =
      std::ranges::find_if_not(values, [&](float value) { return std::isfinite(rounded_to(dtype, value)); });
  return beyond == values.end() ? std::nullopt : std::optional<Index>(beyond - values.begin());
}

void decode(Dtype dtype, std::span<const std::byte> bytes, std::span<float> values) {
  assert(bytes.size() == values.size() * size_of(dtype));
  switch (dtype) {
    case Dtype::f64:
      decode_each<double>(bytes, values, [](double value) { return static_cast<float>(value); });
      return;
    case Dtype::f32:
      std::ranges::copy(bytes, std::as_writable_bytes(values).begin());
      return;
    case Dtype::f16:
      decode_each<std::uint16_t>(bytes, values, float_from_f16);
      return;
    case Dtype::bf16:
      decode_each<std::uint16_t>(bytes, values, float_from_bf16);
      return;
    default:
      assert(false && "decode: not a floating-point format");
  }
}

void encode(Dtype dtype, std::span<const float> values, std::span<std::byte> bytes) {
  assert(bytes.size() == values.size() * size_of(dtype));
  switch (dtype) {
    case Dtype::f32:
      std::ranges::copy(std::as_bytes(values), bytes.begin());
      return;
    case Dtype::f16:
      encode_each(values, bytes, f16_from_float);
      return;
    case Dtype::bf16:
      encode_each(values, bytes, bf16_from_float);
      return;
    default:
      assert(false && "encode: not a floating-point format");
  }
}

}  // namespace lrc
