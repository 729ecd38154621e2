#include "lrc/model/layout.hpp"

#include <cassert>

#include "lrc/model/family.hpp"

namespace lrc {

LinearLayout linear(const std::string& name, Index rows, Index cols, bool bias) {
  return {.name = name, .rows = rows, .cols = cols, .bias = bias, .stored = {name + ".weight", {rows, cols}, 0}};
}

BlockLayout block_layout(const ModelConfig& config, Index index) {
  assert(index >= 0 && index < config.blocks);
  return find_family(config.family)->block(config, index);
}

}  // namespace lrc
