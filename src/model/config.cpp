#include "lrc/model/config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lrc/io/json.hpp"

namespace lrc {
namespace {

using nlohmann::json;

constexpr Index kMaxSize = Index{1} << 24;

// config.json, with the checks of each kind of value and an error that names file and key.
class Config {
 public:
  explicit Config(std::filesystem::path file) : file_(std::move(file)), values_(read_json_object(file_)) {}

  [[noreturn]] void refuse(const std::string& problem) const { throw InputError(file_.string(), problem); }

  const json* find(const char* key) const {
    const auto at = values_.find(key);
    return at == values_.end() || at->is_null() ? nullptr : &*at;
  }

  Index size(const char* key, std::optional<Index> otherwise = std::nullopt) const {
    const json* value = find(key);
    if (!value && otherwise) return *otherwise;
    if (!value) refuse(fmt::format("'{}' is missing", key));
    if (!value->is_number_integer() || *value < 1 || *value > kMaxSize) {
      refuse(fmt::format("'{}' is {}; it must be an integer from 1 to {}", key, value->dump(), kMaxSize));
    }
    return value->get<Index>();
  }

  double number(const json& in, const char* key, std::optional<double> otherwise = std::nullopt) const {
    const auto at = in.find(key);
    if (at == in.end() || at->is_null()) {
      if (otherwise) return *otherwise;
      refuse(fmt::format("'{}' is missing", key));
    }
    constexpr double kSmallest = 1e-30, kLargest = 1e30;  // a float, too, and so is its inverse
    if (!at->is_number() || !(at->get<double>() >= kSmallest) || !(at->get<double>() <= kLargest)) {
      refuse(fmt::format("'{}' is {}; it must be a number from {} to {}", key, at->dump(), kSmallest, kLargest));
    }
    return at->get<double>();
  }

  bool flag(const char* key) const {
    const json* value = find(key);
    if (value && !value->is_boolean()) refuse(fmt::format("'{}' is {}; it must be true or false", key, value->dump()));
    return value && value->get<bool>();
  }

  std::string text(const json& in, const char* key, const std::string& otherwise) const {
    const auto at = in.find(key);
    if (at == in.end() || at->is_null()) return otherwise;
    if (!at->is_string()) refuse(fmt::format("'{}' is {}; it must be a string", key, at->dump()));
    return at->get<std::string>();
  }

  const json& values() const { return values_; }

 private:
  std::filesystem::path file_;
  json values_;
};

// transformers 5 keeps theta and scaling in `rope_parameters`; before, theta stood at the top and the rest in
// `rope_scaling`.
void read_rope(const Config& config, ModelConfig& model) {
  const json* parameters = config.find("rope_parameters");
  const json* scaling = parameters ? parameters : config.find("rope_scaling");
  if (scaling && !scaling->is_object()) config.refuse("'rope_scaling' or 'rope_parameters' is not an object");
  const json none = json::object();
  const json& rope = scaling ? *scaling : none;
  model.rope_theta = config.number(rope, "rope_theta", config.number(config.values(), "rope_theta", 10000.0));
  const std::string type = config.text(rope, "rope_type", config.text(rope, "type", "default"));
  if (type == "default") return;
  if (type != "llama3")
    config.refuse(fmt::format("rope type '{}' is not supported; it may be default or llama3", type));
  Llama3RopeScaling& llama3 = model.rope_scaling.emplace();
  llama3.factor = config.number(rope, "factor");
  llama3.low_freq_factor = config.number(rope, "low_freq_factor");
  llama3.high_freq_factor = config.number(rope, "high_freq_factor");
  llama3.original_max_positions = config.number(rope, "original_max_position_embeddings");
  if (llama3.high_freq_factor <= llama3.low_freq_factor)
    config.refuse("'high_freq_factor' is not above 'low_freq_factor'");
}

void read_heads(const Config& config, ModelConfig& model) {
  model.heads = config.size("num_attention_heads");
  model.kv_heads = config.size("num_key_value_heads", model.heads);
  if (model.heads % model.kv_heads != 0) {
    config.refuse(fmt::format("'num_attention_heads' {} is not a multiple of 'num_key_value_heads' {}", model.heads,
                              model.kv_heads));
  }
  if (!config.find("head_dim") && model.hidden_size % model.heads != 0) {
    config.refuse(
        fmt::format("'hidden_size' {} is not a multiple of 'num_attention_heads' {}, and there is no 'head_dim'",
                    model.hidden_size, model.heads));
  }
  model.head_dim = config.size("head_dim", std::max<Index>(1, model.hidden_size / model.heads));
  if (model.head_dim % 2 != 0)
    config.refuse(fmt::format("'head_dim' {} is odd; rotary embeddings need an even one", model.head_dim));
  if (model.heads * model.head_dim > kMaxSize) config.refuse("'num_attention_heads' times 'head_dim' is too large");
}

Dtype read_dtype(const Config& config) {
  const std::string name =
      config.text(config.values(), "dtype", config.text(config.values(), "torch_dtype", "float32"));
  if (name == "float32") return Dtype::f32;
  if (name == "float16") return Dtype::f16;
  if (name == "bfloat16") return Dtype::bf16;
  config.refuse(fmt::format("'torch_dtype' is '{}'; it may be float32, float16 or bfloat16", name));
}

void refuse_what_is_unknown(const Config& config, const ModelConfig& model) {
  if (model.family != "llama") {
    config.refuse(fmt::format("'model_type' is '{}'; it may be llama", model.family));
  }
  const std::string activation = config.text(config.values(), "hidden_act", "silu");
  if (activation != "silu") config.refuse(fmt::format("'hidden_act' is '{}'; it may be silu", activation));
  if (config.find("sliding_window"))
    config.refuse("'sliding_window' is set; sliding-window attention is not supported");
  if (config.find("layer_types")) {
    for (const json& type : *config.find("layer_types")) {
      if (type != "full_attention")
        config.refuse(fmt::format("'layer_types' has {}; it may be full_attention", type.dump()));
    }
  }
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& directory) {
  const Config config(directory / "config.json");
  ModelConfig model;
  model.family = config.text(config.values(), "model_type", "");
  refuse_what_is_unknown(config, model);
  model.hidden_size = config.size("hidden_size");
  model.intermediate_size = config.size("intermediate_size");
  model.blocks = config.size("num_hidden_layers");
  model.vocabulary_size = config.size("vocab_size");
  model.max_positions = config.size("max_position_embeddings", 2048);
  model.rms_norm_eps = static_cast<float>(config.number(config.values(), "rms_norm_eps", 1e-6));
  model.tied_embeddings = config.flag("tie_word_embeddings");
  model.attention_bias = config.flag("attention_bias");
  model.mlp_bias = config.flag("mlp_bias");
  read_heads(config, model);
  read_rope(config, model);
  model.dtype = read_dtype(config);
  return model;
}

}  // namespace lrc
