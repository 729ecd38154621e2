// Number formats of tensors in files, and their conversion to and from float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace lrc {

enum class Dtype { f32, f16, bf16, i32, i64, u8, i8 };

/// Bytes of one element.
std::size_t size_of(Dtype dtype);

/// The name that safetensors files use ("F32", "BF16", ...), and back (nothing where the name is unknown here).
std::string_view name_of(Dtype dtype);
std::optional<Dtype> dtype_from_name(std::string_view name);

/// IEEE half and bfloat16, round to nearest even; NaN stays NaN, overflow gives infinity.
float float_from_f16(std::uint16_t bits);
float float_from_bf16(std::uint16_t bits);
std::uint16_t f16_from_float(float value);
std::uint16_t bf16_from_float(float value);

/// `value` rounded to what `dtype` (f32, f16 or bf16) can hold.
float rounded_to(Dtype dtype, float value);

/// Whole buffers: `bytes` holds values.size() elements of `dtype` (f32, f16 or bf16), little endian.
void decode(Dtype dtype, std::span<const std::byte> bytes, std::span<float> values);
void encode(Dtype dtype, std::span<const float> values, std::span<std::byte> bytes);

}  // namespace lrc
