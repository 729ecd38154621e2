// Llama 2, 3, 3.1 and what is built like them (SmolLM2, TinyLlama, ...).
#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

void read(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = model.attention_out_bias = config.flag("attention_bias");
  model.mlp_bias = config.flag("mlp_bias");
  if (config.find("sliding_window")) config.refuse("'sliding_window' is set; a llama has none");
}

}  // namespace

const Family kLlama{.name = "llama", .read = read, .block = dense_block};

}  // namespace lrc
