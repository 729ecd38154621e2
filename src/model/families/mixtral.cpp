// Mixtral: a router sends each token to some of the experts, each an MLP of its own (w1 gate, w3 up, w2 down).
#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

void read(const ConfigReader& config, ModelConfig& model) {
  constexpr Index kMaxExperts = 4096;
  read_sliding_window(config, model);
  model.experts = config.size("num_local_experts");
  model.experts_per_token = config.size("num_experts_per_tok");
  if (model.experts > kMaxExperts)
    config.refuse(fmt::format("'num_local_experts' is {}; it may be 1 to {}", model.experts, kMaxExperts));
  if (model.experts_per_token > model.experts) {
    config.refuse(fmt::format("'num_experts_per_tok' {} is more than 'num_local_experts' {}", model.experts_per_token,
                              model.experts));
  }
}

// transformers 5 stores all experts as two tensors, gate over up in the first; before, each had three of its own. What
// lrc writes has the names of the latter.
void use_fused_tensors(const ModelConfig& config, Index expert, const std::string& mlp, GroupLayout& gate_up,
                       GroupLayout& down) {
  const Index inner = config.intermediate_size, hidden = config.hidden_size;
  const std::vector<Index> both{config.experts, 2 * inner, hidden};
  gate_up.linears[0].stored = {mlp + "experts.gate_up_proj", both, expert * 2 * inner};
  gate_up.linears[1].stored = {mlp + "experts.gate_up_proj", both, expert * 2 * inner + inner};
  down.linears[0].stored = {mlp + "experts.down_proj", {config.experts, hidden, inner}, expert * hidden};
}

BlockLayout block(const ModelConfig& config, Index index) {
  BlockLayout layout = dense_block(config, index);
  const std::string block = fmt::format("model.layers.{}.", index), moe = block + "block_sparse_moe.";
  const Index inner = config.intermediate_size, hidden = config.hidden_size;
  layout.router = linear(moe + "gate", config.experts, hidden, false);
  if (config.fused_experts) layout.router->stored.tensor = block + "mlp.gate.weight";
  layout.mlps.clear();
  for (Index expert = 0; expert < config.experts; ++expert) {
    const std::string name = fmt::format("{}experts.{}.", moe, expert);
    GroupLayout gate_up{
        .role = GroupRole::gate_up,
        .expert = expert,
        .name = name + "gate_up",
        .linears = {linear(name + "w1", inner, hidden, false), linear(name + "w3", inner, hidden, false)}};
    GroupLayout down{.role = GroupRole::down,
                     .expert = expert,
                     .name = name + "down",
                     .linears = {linear(name + "w2", hidden, inner, false)}};
    if (config.fused_experts) use_fused_tensors(config, expert, block + "mlp.", gate_up, down);
    layout.mlps.push_back({std::move(gate_up), std::move(down)});
  }
  return layout;
}

void look_at_tensors(const std::function<bool(const std::string&)>& has, ModelConfig& model) {
  // Any of them will do: where another is missing, it is to be missed by its own name.
  for (const char* name : {"mlp.gate.weight", "mlp.experts.gate_up_proj", "mlp.experts.down_proj"})
    model.fused_experts = model.fused_experts || has(std::string("model.layers.0.") + name);
}

}  // namespace

const Family kMixtral{.name = "mixtral",
                      .read = read,
                      .block = block,
                      .max_positions = 131072,
                      .kv_heads = 8,
                      .rope_theta = 1e6,
                      .rms_norm_eps = 1e-5,
                      .look_at_tensors = look_at_tensors};

}  // namespace lrc
