#include "lrc/model/model.hpp"

namespace lrc {

Block Model::block(Index index) const {
  const BlockLayout layout = block_layout(config(), index);
  Block block{.attention_norm = norm(index, GroupRole::qkv),
              .qkv = group(index, layout.groups[0]),
              .q_norm = head_norm(layout.q_norm),
              .k_norm = head_norm(layout.k_norm),
              .window = config().window.of(index),
              .attention_out = group(index, layout.groups[1]),
              .mlp_norm = norm(index, GroupRole::gate_up),
              .router = router(index),
              .experts_per_token = config().experts_per_token,
              .mlps = {}};
  for (std::size_t i = 2; i + 1 < layout.groups.size(); i += 2)
    block.mlps.push_back({.gate_up = group(index, layout.groups[i]), .down = group(index, layout.groups[i + 1])});
  return block;
}

}  // namespace lrc
