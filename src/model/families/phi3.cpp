// Phi-3: q, k, v are one linear, gate and up another; they stay fused, as the runtimes that load the result have them.
#include <numeric>

#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

LinearLayout fused(const std::string& name, const std::vector<Index>& parts, Index cols) {
  LinearLayout layout = linear(name, std::accumulate(parts.begin(), parts.end(), Index{0}), cols, false);
  layout.parts = parts;
  return layout;
}

BlockLayout block(const ModelConfig& config, Index index) {
  BlockLayout layout = dense_block(config, index);
  const std::string block = fmt::format("model.layers.{}.", index);
  layout.qkv.linears = {fused(block + "self_attn.qkv_proj", {config.query_size(), config.key_size(), config.key_size()},
                              config.hidden_size)};
  layout.mlps[0].gate_up.linears = {
      fused(block + "mlp.gate_up_proj", {config.intermediate_size, config.intermediate_size}, config.hidden_size)};
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
