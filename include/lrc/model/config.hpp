// config.json of a Hugging Face model directory, checked: every size is in range before anything is allocated.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "lrc/core/dtype.hpp"
#include "lrc/core/types.hpp"

namespace lrc {

/// `rope_type: llama3`: low frequencies are divided by `factor`, high ones stay, those between are blended.
struct Llama3RopeScaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_positions = 8192;
};

struct ModelConfig {
  std::string family;  ///< model_type: "llama"
  Index hidden_size = 0;
  Index intermediate_size = 0;
  Index blocks = 0;
  Index heads = 0;
  Index kv_heads = 0;
  Index head_dim = 0;
  Index vocabulary_size = 0;
  Index max_positions = 0;
  float rms_norm_eps = 0;
  double rope_theta = 0;
  std::optional<Llama3RopeScaling> rope_scaling;
  bool tied_embeddings = false;
  bool attention_bias = false;
  bool mlp_bias = false;
  Dtype dtype = Dtype::f32;  ///< of the weights that stay unquantized
};

/// Reads DIRECTORY/config.json. Throws InputError naming the key and what it may be: an unknown family, a size out of
/// range, heads that don't divide, an unknown rope type or activation, a sliding window.
ModelConfig read_model_config(const std::filesystem::path& directory);

}  // namespace lrc
