#include "lrc/model/model.hpp"

namespace lrc {

Block Model::block(Index index) const {
  const BlockLayout layout = block_layout(config(), index);
  Block block{.attention_norm = norm(index, GroupRole::qkv),
              .qkv = group(index, layout.qkv),
              .q_norm = head_norm(layout.q_norm),
              .k_norm = head_norm(layout.k_norm),
              .kv = kv_quantizer(kv_bits()),
              .window = config().window.of(index),
              .attention_out = group(index, layout.attention_out),
              .mlp_norm = norm(index, GroupRole::gate_up),
              .router = router(index),
              .experts_per_token = config().experts_per_token,
              .mlps = {}};
  for (const MlpLayout& mlp : layout.mlps)
    block.mlps.push_back({.gate_up = group(index, mlp.gate_up), .down = group(index, mlp.down)});
  return block;
}

}  // namespace lrc
