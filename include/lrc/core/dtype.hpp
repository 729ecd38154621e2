// Number formats of tensors in files, and their conversion to and from float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lrc/core/types.hpp"

namespace lrc {

/// All that safetensors files may hold.
enum class Dtype {
  f64,
  f32,
  f16,
  bf16,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e5m2fnuz,
  f8_e4m3fnuz,
  f6_e2m3,
  f6_e3m2,
  f4,
  c64,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean
};

/// Bits of one element.
int bits_of(Dtype dtype);
/// Bytes of one element, which are whole ones.
std::size_t size_of(Dtype dtype);

/// Whether decode() knows it: f64, f32, f16 or bf16.
bool is_float(Dtype dtype);

/// The name that safetensors files use ("F32", "BF16", ...), and back (nothing where the name is unknown here).
std::string_view name_of(Dtype dtype);
std::optional<Dtype> dtype_from_name(std::string_view name);

/// IEEE half and bfloat16, round to nearest even; NaN stays NaN, overflow gives infinity.
float float_from_f16(std::uint16_t bits);
float float_from_bf16(std::uint16_t bits);
std::uint16_t f16_from_float(float value);
std::uint16_t bf16_from_float(float value);

/// `value` rounded to what `dtype` (f32, f16 or bf16) can hold; infinite where that is less.
float rounded_to(Dtype dtype, float value);

/// Of the first value that is not a finite number of `dtype` (f32, f16 or bf16); nothing where all are.
std::optional<Index> first_beyond(Dtype dtype, std::span<const float> values);

/// Whole buffers: `bytes` holds values.size() elements of `dtype`, little endian. decode() takes f64 (rounded to
/// float), f32, f16 and bf16, encode() the last three.
void decode(Dtype dtype, std::span<const std::byte> bytes, std::span<float> values);
void encode(Dtype dtype, std::span<const float> values, std::span<std::byte> bytes);

}  // namespace lrc
