#include "random_model.hpp"

#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <span>

#include "lrc/io/safetensors.hpp"
#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

struct Tensors {
  std::map<std::string, std::vector<Index>> shapes;
  std::map<std::string, std::vector<float>> values;

  std::vector<float>& of(const std::string& name, const std::vector<Index>& shape) {
    shapes[name] = shape;
    std::vector<float>& all = values[name];
    all.resize(static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), Index{1}, std::multiplies<>())));
    return all;
  }
};

// Random numbers that depend on the name alone.
void fill(const std::string& name, float mean, float deviation, std::span<float> values) {
  std::mt19937 random(static_cast<unsigned>(
      std::accumulate(name.begin(), name.end(), std::uint64_t{7}, [](auto sum, char c) { return sum * 31 + c; })));
  std::normal_distribution<float> normal(mean, deviation);
  for (float& value : values) value = normal(random);
}

void add_norm(Tensors& tensors, const std::string& name, Index size) {
  if (!name.empty()) fill(name, 1, 0.1F, tensors.of(name, {size}));
}

void add_linear(Tensors& tensors, const LinearLayout& linear) {
  std::vector<float>& all = tensors.of(linear.stored.tensor, linear.stored.shape);
  const auto first = static_cast<std::size_t>(linear.stored.first * linear.cols);
  fill(linear.name, 0, 0.3F, std::span(all).subspan(first, static_cast<std::size_t>(linear.rows * linear.cols)));
  if (linear.bias) fill(linear.name + ".bias", 0, 0.3F, tensors.of(linear.name + ".bias", {linear.rows}));
}

Tensors tensors_of(const ModelConfig& config) {
  Tensors tensors;
  for (const char* name : {kEmbeddingTensor, kHeadTensor})
    fill(name, 0, 0.3F, tensors.of(name, {config.vocabulary_size, config.hidden_size}));
  add_norm(tensors, kFinalNormTensor, config.hidden_size);
  for (Index block = 0; block < config.blocks; ++block) {
    const BlockLayout layout = block_layout(config, block);
    for (const std::string& name : {layout.attention_norm, layout.mlp_norm})
      add_norm(tensors, name, config.hidden_size);
    for (const std::string& name : {layout.q_norm, layout.k_norm}) add_norm(tensors, name, config.head_dim);
    if (layout.router) add_linear(tensors, *layout.router);
    for (const GroupLayout& group : layout.groups()) {
      for (const LinearLayout& linear : group.linears) add_linear(tensors, linear);
    }
  }
  return tensors;
}

}  // namespace

nlohmann::json random_model_config(const std::string& family, const nlohmann::json& changes) {
  nlohmann::json config = {{"model_type", family},         {"hidden_size", 32},        {"intermediate_size", 48},
                           {"num_hidden_layers", 2},       {"num_attention_heads", 4}, {"num_key_value_heads", 2},
                           {"head_dim", nullptr},          {"vocab_size", 64},         {"max_position_embeddings", 256},
                           {"rms_norm_eps", 1e-5},         {"rope_theta", 10000.0},    {"hidden_act", "silu"},
                           {"tie_word_embeddings", false}, {"torch_dtype", "float32"}};
  if (family == "mixtral") config.update({{"num_local_experts", 5}, {"num_experts_per_tok", 2}});
  config.update(changes);
  return config;
}

void write_random_model(const fs::path& directory, const nlohmann::json& config, bool fused_experts) {
  fs::create_directories(directory);
  std::ofstream(directory / "config.json") << config.dump(1);
  ModelConfig model = read_model_config(directory);
  model.fused_experts = fused_experts;
  const Tensors tensors = tensors_of(model);
  std::vector<TensorInfo> infos;
  for (const auto& [name, shape] : tensors.shapes)
    infos.push_back({.name = name, .dtype = Dtype::f32, .shape = shape, .file = {}});
  SafetensorsWriter writer(directory / "model.safetensors", infos);
  for (const auto& [name, values] : tensors.values) writer.write(values);
  writer.commit();
}

}  // namespace lrc
