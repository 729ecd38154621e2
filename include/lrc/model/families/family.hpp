// The families of models: each is one short file of families, with what is its own in config.json and where its
// blocks keep their tensors. Nothing else knows it.
#pragma once

#include <functional>
#include <string>

#include "lrc/model/format/config_reader.hpp"
#include "lrc/model/layout.hpp"

namespace lrc {

struct Family {
  const char* name;  ///< model_type
  /// Reads what is the family's own; heads, sizes and rope are read already. Throws InputError.
  void (*read)(const ConfigReader& config, ModelConfig& model);
  /// Names and shapes of block `index`.
  BlockLayout (*block)(const ModelConfig& config, Index index);
  /// What config.json may leave out, and is then as in transformers.
  Index max_positions = 2048;
  Index original_positions = 0;  ///< of longrope; 0: max_positions
  Index kv_heads = 0;            ///< 0: as many as heads
  Index head_dim = 0;            ///< 0: hidden_size / heads
  double rope_theta = 10000, rms_norm_eps = 1e-6;
  /// Where the same family is stored in several ways: looks which it is. Else nullptr.
  void (*look_at_tensors)(const std::function<bool(const std::string& name)>& has, ModelConfig& model) = nullptr;
};

/// nullptr where there is no such family.
const Family* find_family(const std::string& name);
/// All of them, for a message: "llama, mistral, ...".
std::string family_names();

extern const Family kLlama, kMistral, kMixtral, kPhi3, kQwen2, kQwen3;

/// The block of Llama, with which most families agree: q, k, v; o; gate, up; down.
BlockLayout dense_block(const ModelConfig& config, Index index);
/// `sliding_window` of all blocks, where it is set: null says that there is none; left out, it is `left_out`, 0 = none.
void read_sliding_window(const ConfigReader& config, ModelConfig& model, Index left_out = 0);
/// Of Qwen: where `use_sliding_window` says so, from block `max_window_layers` on.
void read_late_window(const ConfigReader& config, ModelConfig& model);

}  // namespace lrc
