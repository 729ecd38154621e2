#include "lrc/core/dtype.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

namespace lrc {
namespace {

constexpr std::array<std::pair<Dtype, std::string_view>, 7> kNames{{{Dtype::f32, "F32"},
                                                                    {Dtype::f16, "F16"},
                                                                    {Dtype::bf16, "BF16"},
                                                                    {Dtype::i32, "I32"},
                                                                    {Dtype::i64, "I64"},
                                                                    {Dtype::u8, "U8"},
                                                                    {Dtype::i8, "I8"}}};

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

std::size_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
    case Dtype::i32:
      return 4;
    case Dtype::f16:
    case Dtype::bf16:
      return 2;
    case Dtype::i64:
      return 8;
    case Dtype::u8:
    case Dtype::i8:
      return 1;
  }
  return 0;
}

std::string_view name_of(Dtype dtype) {
  for (const auto& [known, name] : kNames) {
    if (known == dtype) return name;
  }
  return "";
}

std::optional<Dtype> dtype_from_name(std::string_view name) {
  for (const auto& [dtype, known] : kNames) {
    if (known == name) return dtype;
  }
  return std::nullopt;
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

void decode(Dtype dtype, std::span<const std::byte> bytes, std::span<float> values) {
  assert(bytes.size() == values.size() * size_of(dtype));
  switch (dtype) {
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
