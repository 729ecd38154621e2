// The low-rank factors as a PEFT LoRA adapter: base_layer(x) + B(A(x)), where x is what LRC wants it to be: the inputs
// before quantization and before the online rotation.
#include <set>

#include "lrc/core/json_text.hpp"
#include "lrc/export/solved_group.hpp"
#include "lrc/io/directory.hpp"

namespace lrc {
namespace {

nlohmann::ordered_json adapter_config(const std::vector<TensorInfo>& tensors) {
  std::set<std::string> targets;
  nlohmann::ordered_json ranks = nlohmann::ordered_json::object();
  Index largest = 1;
  const std::string prefix = "base_model.model.", suffix = ".lora_A.weight";
  for (const TensorInfo& info : tensors) {
    if (!info.name.ends_with(suffix)) continue;
    const std::string module = info.name.substr(prefix.size(), info.name.size() - prefix.size() - suffix.size());
    targets.insert(module.substr(module.rfind('.') + 1));
    ranks[module] = info.shape[0];
    largest = std::max(largest, info.shape[0]);
  }
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", nullptr},
          {"target_modules", targets},
          {"r", largest},
          {"lora_alpha", largest},
          {"rank_pattern", ranks},
          {"alpha_pattern", ranks},
          {"bias", "none"},
          {"lora_dropout", 0.0},
          {"inference_mode", true}};
}

}  // namespace

void Exporter::write_adapter() const {
  if (!source_.format.has_adapter) return;
  const ModelConfig& config = source_.model.config();
  std::vector<TensorInfo> tensors;
  for (Index block = 0; block < config.blocks; ++block) {
    for (const GroupLayout& group : block_layout(config, block).groups()) {
      for (const LinearStack& stack : stacks_of(group, false)) {
        const LinearLayout& linear = group.linears[stack.first];
        const Index rank = source_.rank(stack, linear.cols);
        if (rank == 0) continue;
        tensors.push_back({.name = "base_model.model." + linear.name + ".lora_A.weight",
                           .dtype = source_.adapter_dtype,
                           .shape = {rank, linear.cols},
                           .file = {}});
        tensors.push_back({.name = "base_model.model." + linear.name + ".lora_B.weight",
                           .dtype = source_.adapter_dtype,
                           .shape = {linear.rows, rank},
                           .file = {}});
      }
    }
  }
  const std::filesystem::path adapter = directory_ / "adapter";
  make_directories(adapter);
  SafetensorsWriter writer(adapter / "adapter_model.safetensors", tensors);
  for (Index block = 0; block < config.blocks; ++block) {
    const BlockLayout layout = block_layout(config, block);
    for (const GroupLayout& group : layout.groups()) {
      const HadamardTransform* rotation = source_.rotations ? source_.rotations->of(group.role) : nullptr;
      for (const LinearStack& stack : stacks_of(group, false)) {
        if (source_.rank(stack, group.inputs()) == 0) continue;
        const QuantizedStack solved = source_.solved(stack.name);
        const MatrixF a = unrotated(solved.v.values, rotation);
        writer.write({a.data(), static_cast<std::size_t>(a.size())});
        writer.write({solved.u.values.data(), static_cast<std::size_t>(solved.u.values.size())});
      }
    }
  }
  writer.commit();
  write_atomically(adapter / "adapter_config.json", json_text(adapter_config(tensors), 1) + "\n");
  sync_directory(directory_);
}

}  // namespace lrc
