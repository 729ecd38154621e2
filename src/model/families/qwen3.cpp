// Qwen3 dense: q and k are normalized head by head.
#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

void read(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = model.attention_out_bias = config.flag("attention_bias");
  read_late_window(config, model);
}

BlockLayout block(const ModelConfig& config, Index index) {
  BlockLayout layout = dense_block(config, index);
  layout.q_norm = fmt::format("model.layers.{}.self_attn.q_norm.weight", index);
  layout.k_norm = fmt::format("model.layers.{}.self_attn.k_norm.weight", index);
  return layout;
}

}  // namespace

const Family kQwen3{
    .name = "qwen3", .read = read, .block = block, .max_positions = 32768, .kv_heads = 32, .head_dim = 128};

}  // namespace lrc
