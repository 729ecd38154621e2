#include "lrc/model/families/family.hpp"

#include <array>

namespace lrc {
namespace {

const std::array kFamilies{&kLlama, &kMistral, &kMixtral, &kPhi3, &kQwen2, &kQwen3};

}  // namespace

const Family* find_family(const std::string& name) {
  for (const Family* family : kFamilies) {
    if (name == family->name) return family;
  }
  return nullptr;
}

std::string family_names() {
  std::string names;
  for (const Family* family : kFamilies) names += (names.empty() ? "" : ", ") + std::string(family->name);
  return names;
}

BlockLayout dense_block(const ModelConfig& config, Index index) {
  const std::string block = fmt::format("model.layers.{}.", index);
  const std::string attention = block + "self_attn.", mlp = block + "mlp.";
  const Index hidden = config.hidden_size, inner = config.intermediate_size;
  const Index queries = config.query_size(), keys = config.key_size();
  BlockLayout layout{.attention_norm = block + "input_layernorm.weight",
                     .mlp_norm = block + "post_attention_layernorm.weight"};
  layout.qkv = {.role = GroupRole::qkv,
                .name = attention + "qkv",
                .linears = {linear(attention + "q_proj", queries, hidden, config.qkv_bias),
                            linear(attention + "k_proj", keys, hidden, config.qkv_bias),
                            linear(attention + "v_proj", keys, hidden, config.qkv_bias)}};
  layout.attention_out = {.role = GroupRole::attention_out,
                          .name = attention + "out",
                          .linears = {linear(attention + "o_proj", hidden, queries, config.attention_out_bias)}};
  layout.mlps = {{.gate_up = {.role = GroupRole::gate_up,
                              .name = mlp + "gate_up",
                              .linears = {linear(mlp + "gate_proj", inner, hidden, config.mlp_bias),
                                          linear(mlp + "up_proj", inner, hidden, config.mlp_bias)}},
                  .down = {.role = GroupRole::down,
                           .name = mlp + "down",
                           .linears = {linear(mlp + "down_proj", hidden, inner, config.mlp_bias)}}}};
  return layout;
}

void read_sliding_window(const ConfigReader& config, ModelConfig& model, Index left_out) {
  if (config.find("sliding_window")) model.window.size = config.size("sliding_window");
  if (!config.has("sliding_window")) model.window.size = left_out;
}

void read_late_window(const ConfigReader& config, ModelConfig& model) {
  if (!config.flag("use_sliding_window")) return;
  read_sliding_window(config, model, 4096);
  model.window.first_block = config.size("max_window_layers", 28);
}

}  // namespace lrc
