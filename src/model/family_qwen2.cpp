// Qwen2 and 2.5: biases on q, k and v; a sliding window, where it is used at all, from some block on.
#include "lrc/model/family.hpp"

namespace lrc {
namespace {

void read(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = true;
  if (!config.flag("use_sliding_window")) return;
  read_sliding_window(config, model);
  model.window.first_block = config.size("max_window_layers", model.blocks);
}

}  // namespace

const Family kQwen2{.name = "qwen2", .read = read, .block = dense_block, .max_positions = 32768};

}  // namespace lrc
