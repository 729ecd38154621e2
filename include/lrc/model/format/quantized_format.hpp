// How a model directory that lrc wrote is to be run: `quantization_config` of its config.json.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lrc/model/config.hpp"
#include "lrc/model/forward/activation_quantizer.hpp"

namespace lrc {

struct QuantizedFormat {
  std::string method;  ///< lrc, gptq, svd, rtn
  int weight_bits = 4;
  Index weight_group_size = 0;      ///< 0 = one scale a row
  bool weight_zero_points = false;  ///< an asymmetric grid: with each scale, which is fp32 then, a zero point
  /// Codes and zero points in words (pack-quantized), or in a byte each (int-quantized): loaders of compressed-tensors
  /// that quantize activations take zero points no other way.
  bool packed = true;
  ActivationQuantizer activations;  ///< without its grid, where that is fixed: each group of linears has its own
  int kv_bits = 16;                 ///< of the KV cache (kv_quantizer)
  bool online_rotation = false;     ///< R4: Hadamard at the input of down
  bool rotated_heads = false;       ///< Hadamard over all heads at the input of o
  bool has_adapter = false;         ///< low-rank factors in adapter/
  /// What PEFT has no words for is in low_rank.safetensors (low_rank_file.hpp).
  bool native = false;
  bool stacked = false;   ///< linears that share their input share V
  bool centered = false;  ///< the mean of the inputs is taken off before they are quantized
  bool residual = false;  ///< V Vᵀ x is, too
  double bits_per_weight = 0;
  bool stock = false;  ///< loaders of compressed-tensors and PEFT run it as it was calibrated
};

/// What `stock` is for a model of this shape: whether these loaders have a word for all of it.
bool has_stock_words(const QuantizedFormat& format, const ModelConfig& model);

/// Where the weights are, relative to the model's directory. Loaders that take the directory as a whole find no
/// model.safetensors in it where they would leave out something: transformers warns about a `quant_method` that it does
/// not know, and goes on with random weights; and PEFT can't attach an adapter while it loads packed weights.
std::filesystem::path weights_file(const QuantizedFormat& format);

/// The format of DIRECTORY, or nothing where its config.json has no `quantization_config`. Throws InputError for one
/// that lrc did not write, and for values out of range.
std::optional<QuantizedFormat> read_quantized_format(const std::filesystem::path& directory);

/// Whether each linear has the tensors NAME.input_scale (F32) and NAME.input_zero_point (I8), one number each: the grid
/// that its group's inputs are quantized by.
inline bool has_input_grids(const QuantizedFormat& format) {
  return format.activations.quantizes() && format.activations.scale == ActivationScale::fixed;
}

/// The value of `quantization_config`: what compressed-tensors reads, and, under `lrc`, what it has no key for.
nlohmann::ordered_json quantization_config(const QuantizedFormat& format);

}  // namespace lrc
