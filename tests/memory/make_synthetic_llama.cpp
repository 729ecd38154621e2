// A Llama of random weights and any size, with channels that are far louder than the others, as trained ones have:
// make_synthetic_llama DIRECTORY HIDDEN INTERMEDIATE BLOCKS TOKENS. Writes config.json, model.safetensors (bf16) and
// tokens.npy.
#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "lrc/io/safetensors.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/layout.hpp"

namespace lrc {
namespace {

constexpr Index kVocabulary = 512, kHeadDim = 128;
constexpr Index kLoudChannels = 8;
constexpr float kLoudness = 20;

nlohmann::json config_of(Index hidden, Index inner, Index blocks) {
  return {{"model_type", "llama"},
          {"hidden_size", hidden},
          {"intermediate_size", inner},
          {"num_hidden_layers", blocks},
          {"num_attention_heads", hidden / kHeadDim},
          {"num_key_value_heads", std::max<Index>(1, hidden / kHeadDim / 8)},
          {"vocab_size", kVocabulary},
          {"max_position_embeddings", 4096},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 500000.0},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", false},
          {"torch_dtype", "bfloat16"}};
}

std::vector<TensorInfo> tensors_of(const ModelConfig& config) {
  std::vector<TensorInfo> tensors;
  const auto add = [&](const std::string& name, std::vector<Index> shape) {
    tensors.push_back({.name = name, .dtype = Dtype::bf16, .shape = std::move(shape), .file = {}});
  };
  add(kEmbeddingTensor, {config.vocabulary_size, config.hidden_size});
  for (Index block = 0; block < config.blocks; ++block) {
    const BlockLayout layout = block_layout(config, block);
    add(layout.attention_norm, {config.hidden_size});
    add(layout.mlp_norm, {config.hidden_size});
    for (const GroupLayout& group : layout.groups()) {
      for (const LinearLayout& linear : group.linears) add(linear.stored.tensor, linear.stored.shape);
    }
  }
  add(kFinalNormTensor, {config.hidden_size});
  add(kHeadTensor, {config.vocabulary_size, config.hidden_size});
  return tensors;
}

// Norms are about one, but for the loud channels; a row of a matrix has length one.
void write_tensor(SafetensorsWriter& writer, const TensorInfo& info, std::mt19937& random) {
  const bool norm = info.shape.size() == 1;
  const float deviation = norm ? 0.1F : 1 / std::sqrt(static_cast<float>(info.shape[1]));
  std::normal_distribution<float> normal(norm ? 1.0F : 0.0F, deviation);
  std::vector<float> row(static_cast<std::size_t>(info.shape.back()));
  for (Index r = 0; r < (norm ? 1 : info.shape[0]); ++r) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = normal(random);
      if (norm && static_cast<Index>(i) % (info.shape[0] / kLoudChannels) == 3) row[i] *= kLoudness;
    }
    writer.write(row);
  }
}

void write_tokens(const std::filesystem::path& file, Index count) {
  std::string header = fmt::format("{{'descr': '<u2', 'fortran_order': False, 'shape': ({},), }}", count);
  constexpr std::size_t kHeaderBytes = 118;  // with the ten bytes before it a multiple of 64
  header.resize(kHeaderBytes - 1, ' ');
  header += '\n';
  std::ofstream out(file, std::ios::binary);
  out << "\x93NUMPY\x01" << '\0' << static_cast<char>(kHeaderBytes) << '\0' << header;
  std::mt19937 random(2);
  for (Index i = 0; i < count; ++i) {
    const auto token = static_cast<std::uint16_t>(random() % kVocabulary);
    out << static_cast<char>(token & 0xFF) << static_cast<char>(token >> 8);
  }
}

void make(const std::filesystem::path& directory, Index hidden, Index inner, Index blocks, Index tokens) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "config.json") << config_of(hidden, inner, blocks).dump(1);
  const std::vector<TensorInfo> tensors = tensors_of(read_model_config(directory));
  SafetensorsWriter writer(directory / "model.safetensors", tensors);
  std::mt19937 random(1);
  for (const TensorInfo& tensor : tensors) write_tensor(writer, tensor, random);
  writer.commit();
  write_tokens(directory / "tokens.npy", tokens);
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) try {
  if (argc != 6) {
    fmt::print(stderr, "usage: make_synthetic_llama DIRECTORY HIDDEN INTERMEDIATE BLOCKS TOKENS\n");
    return 2;
  }
  lrc::make(argv[1], std::atoll(argv[2]), std::atoll(argv[3]), std::atoll(argv[4]), std::atoll(argv[5]));
} catch (const std::exception& error) {
  fmt::print(stderr, "make_synthetic_llama: {}\n", error.what());
  return 1;
}
