#include "lrc/model/model.hpp"

namespace lrc {

Block Model::block(Index index) const {
  return {.attention_norm = norm(index, GroupRole::qkv),
          .qkv = group(index, GroupRole::qkv),
          .attention_out = group(index, GroupRole::attention_out),
          .mlp_norm = norm(index, GroupRole::gate_up),
          .gate_up = group(index, GroupRole::gate_up),
          .down = group(index, GroupRole::down)};
}

}  // namespace lrc
