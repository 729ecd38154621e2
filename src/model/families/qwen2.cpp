// Qwen2 and 2.5: biases on q, k and v; a sliding window, where it is used at all, from some block on.
#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

void read(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = true;
  read_late_window(config, model);
}

}  // namespace

const Family kQwen2{.name = "qwen2", .read = read, .block = dense_block, .max_positions = 32768, .kv_heads = 32};

}  // namespace lrc
