#include "lrc/model/format/quantized_format.hpp"

#include <algorithm>
#include <cmath>

#include "lrc/io/json.hpp"
#include "lrc/model/layout.hpp"

namespace lrc {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kStockMethod = "compressed-tensors";
constexpr const char* kPacked = "pack-quantized";
constexpr const char* kUnpacked = "int-quantized";

// A group size as compressed-tensors writes it: null where the whole row shares one scale.
ordered_json optional_size(Index group_size) {
  return group_size == 0 ? ordered_json(nullptr) : ordered_json(group_size);
}

// The entries of quantization_config.lrc, with an error that names file, key and what is allowed.
class Entries {
 public:
  Entries(const std::filesystem::path& file, const json& values) : file_(file), values_(values) {}

  Index integer(const char* key, Index low, Index high) const {
    const json& value = at(key);
    const bool fits = value.is_number_integer() && value >= low && value <= high;
    if (!fits) refuse(key, fmt::format("an integer from {} to {}", low, high));
    return value.get<Index>();
  }

  double number(const char* key, double low, double high) const {
    const json& value = at(key);
    const bool fits = value.is_number() && value.get<double>() >= low && value.get<double>() <= high;
    if (!fits) refuse(key, fmt::format("a number from {} to {}", low, high));
    return value.get<double>();
  }

  bool flag(const char* key) const {
    if (!at(key).is_boolean()) refuse(key, "true or false");
    return at(key).get<bool>();
  }

  // Of a key that is written where it is true.
  bool flag_if_any(const char* key) const { return has(key) && flag(key); }
  bool has(const char* key) const { return values_.contains(key); }

  std::string text(const char* key) const {
    if (!at(key).is_string()) refuse(key, "a string");
    return at(key).get<std::string>();
  }

  [[noreturn]] void refuse(const char* key, const std::string& allowed) const {
    throw InputError(file_.string(),
                     fmt::format("quantization_config.lrc: '{}' is {}; it must be {}", key, at(key).dump(), allowed));
  }

 private:
  const json& at(const char* key) const {
    const auto found = values_.find(key);
    if (found == values_.end())
      throw InputError(file_.string(), fmt::format("quantization_config.lrc: '{}' is missing", key));
    return *found;
  }

  const std::filesystem::path& file_;
  const json& values_;
};

// compressed-tensors has symmetric scales of absmax / (2^(b−1) − ½), and no others. What is asymmetric has a range with
// 0 in it: one that is measured (prepare_groups) and one that says so. It loads packed zero points of weights only
// where it dequantizes the model, and then leaves the activations as they are.
bool quantizes_as_stock(const QuantizedFormat& format) {
  const ActivationQuantizer& activations = format.activations;
  if (!activations.quantizes()) return true;
  if (format.weight_zero_points && format.packed) return false;
  if (activations.scale == ActivationScale::fixed) return true;
  if (activations.scale == ActivationScale::minmax) return activations.includes_zero;
  const float largest = std::ldexp(1.0F, activations.bits - 1) - 1;
  const float clip = largest / (largest + 0.5F);
  return activations.scale == ActivationScale::absmax && !activations.fits_clip &&
         std::abs(activations.clip - clip) < 1e-6F;
}

// compressed-tensors demands a divisor.
bool divides_inputs(Index group_size, const ModelConfig& model) {
  const std::vector<GroupLayout> groups = block_layout(model, 0).groups();
  return group_size == 0 || std::all_of(groups.begin(), groups.end(),
                                        [&](const GroupLayout& group) { return group.inputs() % group_size == 0; });
}

// Asymmetric scales have a word of their own under `lrc`, and what is not there is as it was before there were any.
constexpr const char* kScale = "activation_scale";

ActivationScale read_scale(const Entries& own) {
  const bool is_signed = own.flag("activation_signed_scale");
  if (!own.has(kScale)) return is_signed ? ActivationScale::signed_absmax : ActivationScale::absmax;
  const std::string word = own.text(kScale);
  if (is_signed || (word != "minmax" && word != "static"))
    own.refuse(kScale, "minmax or static, where 'activation_signed_scale' is false");
  return word == "minmax" ? ActivationScale::minmax : ActivationScale::fixed;
}

ActivationQuantizer read_activations(const Entries& own, Index largest_group) {
  ActivationQuantizer activations;
  activations.bits = narrow<int>(own.integer("activation_bits", 2, 16));
  if (activations.quantizes()) own.integer("activation_bits", 2, 8);
  activations.clip = static_cast<float>(own.number("activation_clip", 0.01, 1));
  activations.scale = read_scale(own);
  activations.fits_clip = own.flag("activation_fitted_clip");
  activations.group_size = own.integer("activation_group_size", 0, largest_group);
  if (own.has("activation_includes_zero")) activations.includes_zero = own.flag("activation_includes_zero");
  if ((activations.fits_clip || !activations.is_symmetric()) && activations.clip != 1)
    own.refuse("activation_clip", "1 where it is fitted or scales are asymmetric");
  if (activations.fits_clip && !activations.is_symmetric())
    own.refuse("activation_fitted_clip", "false where scales are asymmetric");
  if (activations.scale == ActivationScale::fixed && activations.group_size != 0)
    own.refuse("activation_group_size", "0 where 'activation_scale' is static");
  return activations;
}

int read_kv_bits(const Entries& own) {
  if (!own.has("kv_bits")) return 16;
  return narrow<int>(own.integer("kv_bits", 2, 8));
}

ordered_json stock_activations(const ActivationQuantizer& activations) {
  const bool fixed = activations.scale == ActivationScale::fixed;
  return {{"num_bits", activations.bits},
          {"type", "int"},
          {"symmetric", activations.is_symmetric()},
          {"strategy", fixed                         ? "tensor"
                       : activations.group_size == 0 ? "token"
                                                     : "group"},
          {"group_size", optional_size(activations.group_size)},
          {"dynamic", !fixed},
          {"observer", nullptr}};
}

void add_asymmetric_words(const QuantizedFormat& format, ordered_json& own) {
  const ActivationQuantizer& activations = format.activations;
  if (activations.quantizes() && !activations.is_symmetric())
    own[kScale] = activations.scale == ActivationScale::minmax ? "minmax" : "static";
  if (activations.includes_zero) own["activation_includes_zero"] = true;
  if (format.kv_bits < 16) own["kv_bits"] = format.kv_bits;
}

}  // namespace

bool has_stock_words(const QuantizedFormat& format, const ModelConfig& model) {
  constexpr int kWordBits = 32;  // which codes fill without a rest
  const bool nothing_of_own =
      !format.online_rotation && !format.rotated_heads && !format.native && format.kv_bits == 16;
  return nothing_of_own && model.experts == 0 && (!format.packed || kWordBits % format.weight_bits == 0) &&
         quantizes_as_stock(format) && divides_inputs(format.weight_group_size, model) &&
         (!format.activations.quantizes() || divides_inputs(format.activations.group_size, model));
}

std::filesystem::path weights_file(const QuantizedFormat& format) {
  if (!format.stock) return "quantized.safetensors";
  return format.has_adapter ? "base/model.safetensors" : "model.safetensors";
}

std::optional<QuantizedFormat> read_quantized_format(const std::filesystem::path& directory) {
  constexpr Index kMaxGroup = Index{1} << 24;
  const std::filesystem::path file = directory / "config.json";
  const json config = read_json_of_python(file);
  const auto found = config.find("quantization_config");
  if (found == config.end() || found->is_null()) return std::nullopt;
  if (!found->is_object() || !found->contains("lrc") || !found->at("lrc").is_object()) {
    throw InputError(file.string(), "the model is quantized, and not by lrc; take the unquantized one");
  }
  const Entries own(file, found->at("lrc"));
  QuantizedFormat format;
  format.method = own.text("method");
  format.weight_bits = narrow<int>(own.integer("weight_bits", 2, 8));
  format.weight_group_size = own.integer("weight_group_size", 0, kMaxGroup);
  format.weight_zero_points = own.flag_if_any("weight_zero_points");
  format.packed = found->value("format", json()) != kUnpacked;
  format.activations = read_activations(own, kMaxGroup);
  format.kv_bits = read_kv_bits(own);
  format.online_rotation = own.flag("online_rotation");
  format.rotated_heads = own.flag("rotated_heads");
  format.has_adapter = own.flag("adapter");
  format.native = own.flag("native");
  format.stacked = own.flag("stacked");
  format.centered = own.flag("centered");
  format.residual = own.flag("residual");
  format.bits_per_weight = own.number("bits_per_weight", 0, 64);
  format.stock = found->value("quant_method", json()) == kStockMethod;
  if (format.native && format.has_adapter) own.refuse("adapter", "false where 'native' is true");
  if (format.stacked && !format.native) own.refuse("stacked", "false where 'native' is");
  if (format.centered && !format.native) own.refuse("centered", "false where 'native' is");
  if (format.residual && !format.stacked) own.refuse("residual", "false where 'stacked' is");
  return format;
}

ordered_json quantization_config(const QuantizedFormat& format) {
  const ordered_json weights = {{"num_bits", format.weight_bits},
                                {"type", "int"},
                                {"symmetric", !format.weight_zero_points},
                                {"strategy", format.weight_group_size == 0 ? "channel" : "group"},
                                {"group_size", optional_size(format.weight_group_size)},
                                {"dynamic", false}};
  const char* layout = format.packed ? kPacked : kUnpacked;
  ordered_json group = {{"targets", {"Linear"}}, {"format", layout}, {"weights", weights}};
  if (format.activations.quantizes()) group["input_activations"] = stock_activations(format.activations);
  ordered_json own = {{"method", format.method},
                      {"weight_bits", format.weight_bits},
                      {"weight_group_size", format.weight_group_size},
                      {"activation_bits", format.activations.bits},
                      {"activation_clip", format.activations.clip},
                      {"activation_group_size", format.activations.group_size},
                      {"activation_signed_scale", format.activations.scale == ActivationScale::signed_absmax},
                      {"activation_fitted_clip", format.activations.fits_clip},
                      {"online_rotation", format.online_rotation},
                      {"rotated_heads", format.rotated_heads},
                      {"adapter", format.has_adapter},
                      {"native", format.native},
                      {"stacked", format.stacked},
                      {"centered", format.centered},
                      {"residual", format.residual},
                      {"bits_per_weight", format.bits_per_weight}};
  if (format.weight_zero_points) own["weight_zero_points"] = true;
  add_asymmetric_words(format, own);
  return {{"quant_method", format.stock ? kStockMethod : "lrc"},
          {"format", layout},
          {"quantization_status", "compressed"},
          {"config_groups", {{"group_0", group}}},
          {"ignore", {"lm_head"}},
          {"lrc", own}};
}

}  // namespace lrc
