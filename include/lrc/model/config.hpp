// config.json of a Hugging Face model directory, checked: every size is in range before anything is allocated.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

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

/// `rope_type: longrope` (arXiv 2402.13753): every frequency has its own divisor, one set for sequences within the
/// original length and one for longer ones.
struct LongRopeScaling {
  std::vector<double> short_factors, long_factors;  ///< head_dim/2 each
  Index original_max_positions = 4096;
  double attention_factor = 1;  ///< of the cosines and sines
};

/// Which keys a query sees: those up to itself, or the last `size` of them.
struct SlidingWindow {
  Index size = 0;             ///< keys, the query's own among them; 0 = all
  Index first_block = 0;      ///< blocks before this one see all
  std::vector<bool> sliding;  ///< a block's own word, where config.json has `layer_types`

  /// Of block `index`; 0 = all.
  Index of(Index index) const {
    const bool slides = sliding.empty() ? index >= first_block : sliding[static_cast<std::size_t>(index)];
    return slides ? size : 0;
  }
};

struct ModelConfig {
  std::string family;  ///< model_type
  Index hidden_size = 0;
  Index intermediate_size = 0;  ///< of an expert, where there are experts
  Index blocks = 0;
  Index heads = 0;
  Index kv_heads = 0;
  Index head_dim = 0;
  Index vocabulary_size = 0;
  Index max_positions = 0;
  Index experts = 0;            ///< 0 = a dense model
  Index experts_per_token = 0;  ///< the router's choice
  float rms_norm_eps = 0;
  double rope_theta = 0;
  double rope_factor = 1;  ///< `rope_type: linear`: every frequency is divided by it
  std::optional<Llama3RopeScaling> llama3_rope;
  std::optional<LongRopeScaling> long_rope;
  SlidingWindow window;
  bool tied_embeddings = false;  ///< one that isn't stored is the other
  bool qkv_bias = false, attention_out_bias = false, mlp_bias = false;
  bool fused_experts = false;  ///< experts are stored as one tensor a kind; known when the tensors are
  /// F32, F16 or BF16, of the weights that stay unquantized; where config.json doesn't say, known when the tensors are.
  std::optional<Dtype> dtype;

  Index query_size() const { return heads * head_dim; }
  Index key_size() const { return kv_heads * head_dim; }
};

/// Reads DIRECTORY/config.json. Throws InputError naming the key and what it may be: an unknown family, a size out of
/// range, heads that don't divide, an unknown rope type or activation, more experts per token than experts.
ModelConfig read_model_config(const std::filesystem::path& directory);

}  // namespace lrc
