#include "lrc/model/forward/online_rotations.hpp"

namespace lrc {

OnlineRotations online_rotations(const ModelConfig& config, bool heads, bool down) {
  OnlineRotations rotations;
  if (heads) rotations.heads.emplace(config.query_size());
  if (down) rotations.down.emplace(config.intermediate_size);
  return rotations;
}

}  // namespace lrc
