#include "lrc/model/config.hpp"

#include <algorithm>
#include <cmath>

#include "lrc/model/families/family.hpp"
#include "lrc/model/format/config_reader.hpp"

namespace lrc {
namespace {

using nlohmann::json;

constexpr Index kMaxSize = Index{1} << 24;

// One at the top counts more than the one in `rope`.
double original_positions(const ConfigReader& config, const Family& family, const json& rope, Index max_positions) {
  const char* key = "original_max_position_embeddings";
  if (!config.find(key) && family.original_positions > 0) return static_cast<double>(family.original_positions);
  return config.number(config.values(), key, config.number(rope, key, static_cast<double>(max_positions)));
}

void read_llama3_rope(const ConfigReader& config, const Family& family, const json& rope, ModelConfig& model) {
  Llama3RopeScaling& llama3 = model.llama3_rope.emplace();
  llama3.factor = config.number(rope, "factor");
  llama3.low_freq_factor = config.number(rope, "low_freq_factor");
  llama3.high_freq_factor = config.number(rope, "high_freq_factor");
  llama3.original_max_positions = original_positions(config, family, rope, model.max_positions);
  if (llama3.high_freq_factor <= llama3.low_freq_factor)
    config.refuse("'high_freq_factor' is not above 'low_freq_factor'");
}

// The cosines and sines grow with how far the positions are stretched (arXiv 2402.13753, as transformers does it).
void read_long_rope(const ConfigReader& config, const Family& family, const json& rope, ModelConfig& model) {
  LongRopeScaling& scaling = model.long_rope.emplace();
  scaling.short_factors = config.numbers(rope, "short_factor", model.head_dim / 2);
  scaling.long_factors = config.numbers(rope, "long_factor", model.head_dim / 2);
  const double original = original_positions(config, family, rope, model.max_positions);
  scaling.original_max_positions = static_cast<Index>(std::min(original, static_cast<double>(kMaxSize)));
  const double stretch = config.number(rope, "factor", static_cast<double>(model.max_positions) / original);
  const double growth = stretch <= 1 || original <= 1 ? 1 : std::sqrt(1 + std::log(stretch) / std::log(original));
  scaling.attention_factor = config.number(rope, "attention_factor", growth);
}

// transformers 5 keeps theta and scaling in `rope_parameters`; before, theta stood at the top and the rest in
// `rope_scaling`, which counts where it is not empty.
json rope_of(const ConfigReader& config) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const json* rope = config.find(key);
    if (!rope) continue;
    if (!rope->is_object()) config.refuse(fmt::format("'{}' is not an object", key));
    for (const auto& [name, value] : rope->items()) {
      if (value.is_object()) config.refuse(fmt::format("'{}' has one for '{}'; it may have one for all", key, name));
    }
    if (!rope->empty()) return *rope;
  }
  return json::object();
}

void read_rope(const ConfigReader& config, const Family& family, ModelConfig& model) {
  const json rope = rope_of(config);
  model.rope_theta = config.number(rope, "rope_theta", config.number(config.values(), "rope_theta", family.rope_theta));
  const double rotated =
      config.number(rope, "partial_rotary_factor", config.number(config.values(), "partial_rotary_factor", 1.0));
  if (rotated != 1) config.refuse(fmt::format("'partial_rotary_factor' is {}; it may be 1", rotated));
  const std::string type = config.text(rope, "rope_type", config.text(rope, "type", "default"));
  if (type == "llama3") return read_llama3_rope(config, family, rope, model);
  if (type == "longrope" || type == "su") return read_long_rope(config, family, rope, model);
  // `dynamic` changes what is beyond max_position_embeddings, and no sequence is as long.
  if (type == "linear" || type == "dynamic") model.rope_factor = config.number(rope, "factor");
  if (type == "dynamic") model.rope_factor = 1;
  if (type == "linear" || type == "dynamic" || type == "default") return;
  config.refuse(
      fmt::format("rope type '{}' is not supported; it may be default, linear, dynamic, llama3 or longrope", type));
}

void read_heads(const ConfigReader& config, const Family& family, ModelConfig& model) {
  model.heads = config.size("num_attention_heads");
  const bool says_keys = config.has("num_key_value_heads") || family.kv_heads == 0;
  model.kv_heads = config.size("num_key_value_heads", says_keys ? model.heads : family.kv_heads);
  if (model.heads % model.kv_heads != 0) {
    config.refuse(fmt::format("'num_attention_heads' {} is not a multiple of 'num_key_value_heads' {}", model.heads,
                              model.kv_heads));
  }
  const bool says_dim = config.has("head_dim") || family.head_dim == 0;
  if (says_dim && !config.find("head_dim") && model.hidden_size % model.heads != 0) {
    config.refuse(
        fmt::format("'hidden_size' {} is not a multiple of 'num_attention_heads' {}, and there is no 'head_dim'",
                    model.hidden_size, model.heads));
  }
  model.head_dim =
      config.size("head_dim", says_dim ? std::max<Index>(1, model.hidden_size / model.heads) : family.head_dim);
  if (model.head_dim % 2 != 0)
    config.refuse(fmt::format("'head_dim' {} is odd; rotary embeddings need an even one", model.head_dim));
  if (model.query_size() > kMaxSize) config.refuse("'num_attention_heads' times 'head_dim' is too large");
}

// `layer_types` has the last word on which blocks have a window.
void read_layer_types(const ConfigReader& config, ModelConfig& model) {
  const json* types = config.find("layer_types");
  if (!types) return;
  if (!types->is_array() || static_cast<Index>(types->size()) != model.blocks)
    config.refuse(fmt::format("'layer_types' must be an array of {} texts, one a block", model.blocks));
  for (const json& type : *types) {
    if (type != "full_attention" && type != "sliding_attention")
      config.refuse(fmt::format("'layer_types' has {}; it may be full_attention or sliding_attention", type.dump()));
    model.window.sliding.push_back(type == "sliding_attention");
    if (model.window.sliding.back() && model.window.size == 0)
      config.refuse("'layer_types' has sliding_attention, but 'sliding_window' is not set");
  }
}

std::optional<Dtype> read_dtype(const ConfigReader& config) {
  std::string name = config.text(config.values(), "dtype", config.text(config.values(), "torch_dtype", "auto"));
  if (const std::string prefix = "torch."; name.starts_with(prefix)) name.erase(0, prefix.size());
  if (name == "auto") return std::nullopt;
  if (name == "float32" || name == "float" || name == "float64" || name == "double") return Dtype::f32;
  if (name == "float16" || name == "half") return Dtype::f16;
  if (name == "bfloat16") return Dtype::bf16;
  config.refuse(fmt::format("'torch_dtype' is '{}'; it may be float32, float16, bfloat16 or auto", name));
}

const Family& read_family(const ConfigReader& config) {
  const std::string name = config.text(config.values(), "model_type", "");
  const Family* family = find_family(name);
  for (const char* part : {"text_config", "vision_config", "audio_config"}) {
    if (!family && config.find(part)) {
      config.refuse(
          fmt::format("'model_type' is '{}', a language model with others around it ('{}'), which is not "
                      "supported; save the language model by itself, where it is one of {}",
                      name, part, family_names()));
    }
  }
  if (!family) config.refuse(fmt::format("'model_type' is '{}'; it may be {}", name, family_names()));
  const std::string activation = config.text(config.values(), "hidden_act", "silu");
  if (activation != "silu" && activation != "swish")  // two names of one function
    config.refuse(fmt::format("'hidden_act' is '{}'; it may be silu", activation));
  return *family;
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& directory) {
  const ConfigReader config(directory / "config.json");
  const Family& family = read_family(config);
  ModelConfig model;
  model.family = family.name;
  model.hidden_size = config.size("hidden_size");
  model.intermediate_size = config.size("intermediate_size");
  model.blocks = config.size("num_hidden_layers");
  model.vocabulary_size = config.size("vocab_size");
  model.max_positions = config.size("max_position_embeddings", family.max_positions);
  model.rms_norm_eps = static_cast<float>(config.number(config.values(), "rms_norm_eps", family.rms_norm_eps));
  model.tied_embeddings = config.flag("tie_word_embeddings");
  read_heads(config, family, model);
  read_rope(config, family, model);
  family.read(config, model);
  read_layer_types(config, model);
  model.dtype = read_dtype(config);
  return model;
}

}  // namespace lrc
