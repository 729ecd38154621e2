#include "lrc/model/layout.hpp"

#include <cassert>

namespace lrc {

BlockLayout block_layout(const ModelConfig& config, Index index) {
  assert(index >= 0 && index < config.blocks);
  const std::string block = fmt::format("model.layers.{}.", index);
  const std::string attention = block + "self_attn.", mlp = block + "mlp.";
  const Index hidden = config.hidden_size, inner = config.intermediate_size;
  const Index queries = config.heads * config.head_dim, keys = config.kv_heads * config.head_dim;
  const bool biased = config.attention_bias;
  return {.attention_norm = block + "input_layernorm.weight",
          .mlp_norm = block + "post_attention_layernorm.weight",
          .groups = {{{attention + "qkv",
                       {{attention + "q_proj", queries, hidden, biased},
                        {attention + "k_proj", keys, hidden, biased},
                        {attention + "v_proj", keys, hidden, biased}}},
                      {attention + "out", {{attention + "o_proj", hidden, queries, biased}}},
                      {mlp + "gate_up",
                       {{mlp + "gate_proj", inner, hidden, config.mlp_bias},
                        {mlp + "up_proj", inner, hidden, config.mlp_bias}}},
                      {mlp + "down", {{mlp + "down_proj", hidden, inner, config.mlp_bias}}}}}};
}

}  // namespace lrc
