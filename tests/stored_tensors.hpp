// Tensors of a .safetensors file as bytes, to be written again in another way than lrc writes them.
#pragma once

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lrc/io/safetensors.hpp"
#include "temporary_directory.hpp"

namespace lrc {

struct StoredTensor {
  Dtype dtype = Dtype::f32;
  std::vector<Index> shape;
  std::string bytes;
};
using StoredTensors = std::map<std::string, StoredTensor>;

inline StoredTensors read_tensors(const std::filesystem::path& model) {
  const bool is_native = std::filesystem::exists(model / "quantized.safetensors");
  const TensorDirectory directory(model, is_native ? "quantized.safetensors" : "model.safetensors");
  StoredTensors tensors;
  for (const TensorInfo& info : directory.tensors()) {
    StoredTensor& tensor = tensors[info.name] = {info.dtype, info.shape, std::string(bytes_of(info), '\0')};
    directory.read_bytes(info, 0, std::as_writable_bytes(std::span(tensor.bytes)));
  }
  return tensors;
}

inline void write_tensors(const std::filesystem::path& file, const StoredTensors& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = data.size();
    data += tensor.bytes;
    header[name] = {{"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  write_file(file, std::string(reinterpret_cast<const char*>(&length), sizeof length) + text + data);
}

template <class Number>
std::string bytes_from(const std::vector<Number>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number)};
}

/// Of an F32 tensor.
inline std::vector<float> floats_of(const StoredTensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

/// Tensors that no model needs: one of every dtype, whose bytes are NaN as floats, and those that old checkpoints have.
inline StoredTensors needless_tensors() {
  StoredTensors tensors;
  for (const Dtype dtype :
       {Dtype::f64,     Dtype::f32,         Dtype::f16,         Dtype::bf16,    Dtype::f8_e5m2, Dtype::f8_e4m3,
        Dtype::f8_e8m0, Dtype::f8_e5m2fnuz, Dtype::f8_e4m3fnuz, Dtype::f6_e2m3, Dtype::f6_e3m2, Dtype::f4,
        Dtype::c64,     Dtype::i64,         Dtype::i32,         Dtype::i16,     Dtype::i8,      Dtype::u64,
        Dtype::u32,     Dtype::u16,         Dtype::u8,          Dtype::boolean}) {
    tensors["unused." + std::string(name_of(dtype))] = {dtype, {2, 4}, std::string(bits_of(dtype), '\xFF')};
  }
  const std::string attention = "model.layers.0.self_attn.";
  tensors[attention + "rotary_emb.inv_freq"] = {Dtype::f64, {8}, bytes_from(std::vector<double>(8, 0.5))};
  tensors[attention + "bias"] = {Dtype::f32, {2, 2}, bytes_from(std::vector<float>(4, -INFINITY))};
  tensors[attention + "masked_bias"] = {Dtype::f32, {}, bytes_from(std::vector<float>{-1e9F})};
  tensors["model.position_ids"] = {Dtype::i64, {1, 3}, bytes_from(std::vector<std::int64_t>{0, 1, 2})};
  tensors["nothing"] = {Dtype::f32, {0, 5}, ""};
  return tensors;
}

}  // namespace lrc
