// Phi-3: q, k, v are one linear, gate and up another; they stay fused, as the runtimes that load the result have them.
#include "lrc/model/family.hpp"

namespace lrc {
namespace {

BlockLayout block(const ModelConfig& config, Index index) {
  BlockLayout layout = dense_block(config, index);
  const std::string block = fmt::format("model.layers.{}.", index);
  layout.groups[0].linears = {
      linear(block + "self_attn.qkv_proj", config.query_size() + 2 * config.key_size(), config.hidden_size, false)};
  layout.groups[2].linears = {
      linear(block + "mlp.gate_up_proj", 2 * config.intermediate_size, config.hidden_size, false)};
  return layout;
}

void read(const ConfigReader& config, ModelConfig& model) { read_sliding_window(config, model); }

}  // namespace

const Family kPhi3{.name = "phi3",
                   .read = read,
                   .block = block,
                   .max_positions = 4096,
                   .original_positions = 4096,
                   .rms_norm_eps = 1e-5};

}  // namespace lrc
