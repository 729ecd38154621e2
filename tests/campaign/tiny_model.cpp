#include "tiny_model.hpp"

#include <fmt/core.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "lrc/io/safetensors.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr Index kHidden = 32, kFfn = 48, kVocabulary = 64;

std::vector<TensorInfo> tensors_of(Index blocks) {
  std::vector<TensorInfo> tensors;
  const auto add = [&](const std::string& name, std::vector<Index> shape) {
    tensors.push_back({.name = name, .dtype = Dtype::f32, .shape = std::move(shape), .file = {}});
  };
  add("model.embed_tokens.weight", {kVocabulary, kHidden});
  for (Index block = 0; block < blocks; ++block) {
    const std::string prefix = fmt::format("model.layers.{}.", block);
    add(prefix + "input_layernorm.weight", {kHidden});
    add(prefix + "post_attention_layernorm.weight", {kHidden});
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"})
      add(fmt::format("{}self_attn.{}.weight", prefix, name), {kHidden, kHidden});
    add(prefix + "mlp.gate_proj.weight", {kFfn, kHidden});
    add(prefix + "mlp.up_proj.weight", {kFfn, kHidden});
    add(prefix + "mlp.down_proj.weight", {kHidden, kFfn});
  }
  add("model.norm.weight", {kHidden});
  add("lm_head.weight", {kVocabulary, kHidden});
  return tensors;
}

nlohmann::json config_of(Index blocks) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", kHidden},
          {"intermediate_size", kFfn},
          {"num_hidden_layers", blocks},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 2},
          {"vocab_size", kVocabulary},
          {"max_position_embeddings", 256},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", false},
          {"torch_dtype", "float32"}};
}

}  // namespace

void write_tiny_model(const fs::path& directory, Index blocks) {
  fs::create_directories(directory);
  const std::vector<TensorInfo> tensors = tensors_of(blocks);
  SafetensorsWriter writer(directory / "model.safetensors", tensors);
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.3F);
  for (const TensorInfo& tensor : tensors) {
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    for (float& value : values) value = tensor.shape.size() == 1 ? 1 + normal(random) / 4 : normal(random);
    writer.write(values);
  }
  writer.commit();
  std::ofstream(directory / "config.json") << config_of(blocks).dump(1);
}

void write_tiny_tokens(const fs::path& file, Index count) {
  std::string header = fmt::format("{{'descr': '<u2', 'fortran_order': False, 'shape': ({},), }}", count);
  constexpr std::size_t kHeaderBytes = 118;  // with the ten bytes before it a multiple of 64
  header.resize(kHeaderBytes - 1, ' ');
  header += '\n';
  std::ofstream out(file, std::ios::binary);
  out << "\x93NUMPY\x01" << '\0' << static_cast<char>(kHeaderBytes) << '\0' << header;
  std::mt19937 random(2);
  for (Index i = 0; i < count; ++i) out << static_cast<char>(random() % kVocabulary) << '\0';
}

}  // namespace lrc
