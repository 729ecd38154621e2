// config.json: values that no model has.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

using nlohmann::json;
using Change = std::pair<std::string, std::string>;  // a key and its value, as JSON text

// config.json with these keys changed; as text, since JSON libraries don't write every nonsense.
Situation changed(const std::vector<Change>& changes, const std::vector<std::string>& named) {
  std::string name = "config.json";
  for (const auto& [key, value] : changes) name += fmt::format(" {}={}", key, value);
  return {name, named, [=](const std::filesystem::path& directory) {
            const std::filesystem::path file = directory / "model/config.json";
            json config = json::parse(file_bytes(file));
            for (const auto& [key, value] : changes) config.erase(key);
            std::string text = config.dump();
            text.pop_back();
            for (const auto& [key, value] : changes) text += fmt::format(",\"{}\":{}", key, value);
            write_file(file, text + "}");
          }};
}

Situation changed(const std::string& key, const std::string& value) {
  return changed({{key, value}}, {"config.json", "'" + key + "'"});
}

// A rope_scaling that is refused for what it holds under `key`.
Situation rope(const std::string& value, const std::string& key) {
  return changed({{"rope_scaling", value}}, {"config.json", key});
}

std::string llama3(const std::string& more) {
  return R"({"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4)" + more + "}";
}

json sound_quantization() {
  return {{"method", "lrc"},
          {"weight_bits", 4},
          {"weight_group_size", 0},
          {"activation_bits", 4},
          {"activation_clip", 1},
          {"activation_group_size", 0},
          {"activation_signed_scale", false},
          {"activation_fitted_clip", false},
          {"online_rotation", false},
          {"rotated_heads", false},
          {"adapter", false},
          {"native", false},
          {"stacked", false},
          {"centered", false},
          {"residual", false},
          {"bits_per_weight", 4.0}};
}

}  // namespace

Situations config_situations() {
  Situations all;
  for (const char* size : {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                           "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings"}) {
    for (const char* value : {"0", "-1", "32.0", "16777217", "9223372036854775808", "\"32\""})
      all.push_back(changed(size, value));
  }
  for (const char* required : {"hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size"})
    all.push_back(changed(required, "null"));
  for (const char* number : {"rms_norm_eps", "rope_theta"}) {
    for (const char* value : {"0", "-1e-5", "1e-300", "1e300", "\"x\"", "[1]"}) all.push_back(changed(number, value));
  }
  for (const char* flag : {"tie_word_embeddings", "attention_bias", "mlp_bias"}) all.push_back(changed(flag, "1"));
  append(all, {changed("head_dim", "15"), changed("num_key_value_heads", "3"), changed("num_attention_heads", "3"),
               changed({{"num_attention_heads", "16777216"}, {"num_key_value_heads", "16777216"}, {"head_dim", "2"}},
                       {"config.json", "'head_dim'"}),
               changed("model_type", "\"mamba\""), changed("model_type", "7"), changed("hidden_act", "\"gelu\""),
               changed("hidden_act", "{}"), changed("torch_dtype", "\"int8\""), changed("torch_dtype", "8"),
               changed("torch_dtype", "\"torch.torch.float16\""), changed("torch_dtype", "\"\""),
               changed("sliding_window", "4096"), changed("layer_types", R"(["sliding_attention"])"),
               changed("layer_types", "3")});
  append(all, {rope("[]", "'rope_scaling'"), rope(R"({"rope_type":"yarn"})", "yarn"),
               rope(R"({"rope_type":{}})", "'rope_type'"), rope(R"({"type":"llama3"})", "'factor'"),
               rope(R"({"type":"linear"})", "'factor'"), rope(R"({"type":"dynamic","factor":"4"})", "'factor'"),
               rope(R"({"full_attention":{"rope_theta":1e6}})", "'full_attention'"),
               rope(llama3(R"(,"original_max_position_embeddings":-1)"), "'original_max_position_embeddings'"),
               rope(R"({"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":1,)"
                    R"("original_max_position_embeddings":64})",
                    "'high_freq_factor'")});
  // Sizes in range that the tensors don't have; nothing is to be allocated for them.
  for (const char* size : {"hidden_size", "intermediate_size", "vocab_size", "num_hidden_layers"})
    all.push_back(changed({{size, "16777216"}}, {"model", "tensor 'model."}));
  all.push_back(changed({{"num_attention_heads", "1024"}, {"num_key_value_heads", "1024"}, {"head_dim", "16384"}},
                        {"model.safetensors", "self_attn.q_proj.weight"}));
  return all;
}

Situations quantization_config_situations() {
  const json good = sound_quantization();
  const auto with = [&](const std::string& key, const json& value) {
    json own = good;
    own[key] = value;
    return changed({{"quantization_config", json{{"lrc", own}}.dump()}}, {"config.json", key});
  };
  const auto whole = [](const std::string& value) {
    return changed({{"quantization_config", value}}, {"config.json", "quantiz"});
  };
  constexpr std::int64_t huge = std::int64_t{1} << 62;
  Situations all = {whole("{}"),
                    whole("7"),
                    whole(R"({"quant_method":"gptq"})"),
                    whole(R"({"lrc":null})"),
                    whole(R"({"lrc":{"method":7}})"),
                    with("weight_bits", 1),
                    with("weight_bits", 4294967300),
                    with("weight_bits", "4"),
                    with("weight_group_size", -1),
                    with("weight_group_size", huge),
                    with("weight_zero_points", 1),
                    with("weight_zero_points", nullptr),
                    with("activation_bits", 0),
                    with("activation_bits", 12),
                    with("activation_clip", 0),
                    with("activation_clip", 1e-300),
                    with("activation_clip", 1e300),
                    with("activation_group_size", -huge),
                    with("activation_group_size", huge),
                    with("activation_signed_scale", 1),
                    with("activation_fitted_clip", "no"),
                    with("activation_scale", "median"),
                    with("activation_scale", 7),
                    with("activation_includes_zero", "no"),
                    with("kv_bits", 1),
                    with("kv_bits", 16.5),
                    with("kv_bits", nullptr),
                    with("online_rotation", 1),
                    with("rotated_heads", nullptr),
                    with("adapter", nullptr),
                    with("native", 2),
                    with("stacked", "yes"),
                    with("centered", nullptr),
                    with("residual", 0.5)};
  // Sound, but the tensors are those of an unquantized model; and there is no adapter.
  all.push_back(changed({{"quantization_config", json{{"lrc", good}}.dump()}}, {"model", "weight_packed"}));
  json asymmetric = good;
  asymmetric["weight_zero_points"] = true;
  all.push_back(changed({{"quantization_config", json{{"lrc", asymmetric}}.dump()}}, {"model", "weight_packed"}));
  json adapter = good;
  adapter["adapter"] = true;
  all.push_back(changed({{"quantization_config", json{{"lrc", adapter}}.dump()}}, {"adapter", "adapter_model"}));
  json native = good;
  native["native"] = true;
  all.push_back(changed({{"quantization_config", json{{"lrc", native}}.dump()}}, {"low_rank.safetensors"}));
  return all;
}

}  // namespace lrc
