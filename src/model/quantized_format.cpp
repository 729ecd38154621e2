#include "lrc/model/quantized_format.hpp"

#include "lrc/io/json.hpp"

namespace lrc {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// A group size as compressed-tensors writes it: null where the whole row shares one scale.
ordered_json optional_size(Index group_size) {
  return group_size == 0 ? ordered_json(nullptr) : ordered_json(group_size);
}

void check(bool holds, const std::filesystem::path& file, const std::string& key, const std::string& allowed) {
  if (!holds)
    throw InputError(file.string(),
                     fmt::format("quantization_config.lrc.{} is out of range; it may be {}", key, allowed));
}

}  // namespace

std::optional<QuantizedFormat> read_quantized_format(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "config.json";
  const json config = read_json_object(file);
  const auto found = config.find("quantization_config");
  if (found == config.end() || found->is_null()) return std::nullopt;
  if (!found->is_object() || !found->contains("lrc")) {
    throw InputError(file.string(), "the model is quantized, and not by lrc; take the unquantized one");
  }
  QuantizedFormat format;
  try {
    const json& own = found->at("lrc");
    format.method = own.at("method").get<std::string>();
    format.weight_bits = own.at("weight_bits").get<int>();
    format.weight_group_size = own.at("weight_group_size").get<Index>();
    format.activations = {.bits = own.at("activation_bits").get<int>(),
                          .clip = own.at("activation_clip").get<float>(),
                          .group_size = own.at("activation_group_size").get<Index>()};
    format.online_rotation = own.at("online_rotation").get<bool>();
    format.has_adapter = own.at("adapter").get<bool>();
    format.bits_per_weight = own.at("bits_per_weight").get<double>();
  } catch (const json::exception& error) {
    throw InputError(file.string(), fmt::format("quantization_config.lrc: {}", error.what()));
  }
  check(format.weight_bits >= 2 && format.weight_bits <= 8, file, "weight_bits", "2 to 8");
  check(format.weight_group_size >= 0, file, "weight_group_size", "0 or more");
  check((format.activations.bits >= 2 && format.activations.bits <= 8) || format.activations.bits == 16, file,
        "activation_bits", "2 to 8 or 16");
  check(format.activations.clip > 0 && format.activations.clip <= 1, file, "activation_clip", "above 0, up to 1");
  check(format.activations.group_size >= 0, file, "activation_group_size", "0 or more");
  return format;
}

ordered_json quantization_config(const QuantizedFormat& format) {
  const ordered_json weights = {{"num_bits", format.weight_bits},
                                {"type", "int"},
                                {"symmetric", true},
                                {"strategy", format.weight_group_size == 0 ? "channel" : "group"},
                                {"group_size", optional_size(format.weight_group_size)},
                                {"dynamic", false}};
  ordered_json group = {{"targets", {"Linear"}}, {"format", "pack-quantized"}, {"weights", weights}};
  if (format.activations.quantizes()) {
    group["input_activations"] = {{"num_bits", format.activations.bits},
                                  {"type", "int"},
                                  {"symmetric", true},
                                  {"strategy", format.activations.group_size == 0 ? "token" : "group"},
                                  {"group_size", optional_size(format.activations.group_size)},
                                  {"dynamic", true},
                                  {"observer", nullptr}};
  }
  const ordered_json own = {{"method", format.method},
                            {"weight_bits", format.weight_bits},
                            {"weight_group_size", format.weight_group_size},
                            {"activation_bits", format.activations.bits},
                            {"activation_clip", format.activations.clip},
                            {"activation_group_size", format.activations.group_size},
                            {"online_rotation", format.online_rotation},
                            {"adapter", format.has_adapter},
                            {"bits_per_weight", format.bits_per_weight}};
  // Loaders that know only the layout would leave the online rotation out, and compute nonsense: so they are not to
  // recognise a model that needs it.
  const char* method = format.online_rotation ? "lrc" : "compressed-tensors";
  return {{"quant_method", method},
          {"format", "pack-quantized"},
          {"quantization_status", "compressed"},
          {"config_groups", {{"group_0", group}}},
          {"ignore", {"lm_head"}},
          {"lrc", own}};
}

}  // namespace lrc
