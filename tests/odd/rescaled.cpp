// Models whose linears have other sizes, but the same function: q times f and k over f, v and o, up and down, single
// channels. Powers of two, so that nothing is rounded: the perplexity is that of the demo model.
#include "odd_files.hpp"
#include "trained.hpp"

namespace lrc {
namespace {

// `tensor` is bfloat16.
void multiply(StoredTensor& tensor, float factor, const std::function<bool(Index row, Index col)>& of) {
  std::vector<std::uint16_t> values(tensor.bytes.size() / sizeof(std::uint16_t));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at = static_cast<Index>(i);
    if (!of(at / tensor.shape[1], at % tensor.shape[1])) continue;
    std::uint32_t bits = std::uint32_t{values[i]} << 16;
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    value *= factor;
    std::memcpy(&bits, &value, sizeof bits);
    values[i] = static_cast<std::uint16_t>(bits >> 16);
  }
  tensor.bytes = bytes_from(values);
}

bool anywhere(Index, Index) { return true; }

// All matrices named `first` times the factor, all named `second` over it.
OddInput pair(const std::string& first, const std::string& second, float factor, OddInput input) {
  return with_tensors(std::move(input), [=](StoredTensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name.find(first) != std::string::npos) multiply(tensor, factor, anywhere);
      if (name.find(second) != std::string::npos) multiply(tensor, 1 / factor, anywhere);
    }
  });
}

// One channel of what is between them.
OddInput channel(const std::string& first, const std::string& second, float factor, OddInput input) {
  return with_tensors(std::move(input), [=](StoredTensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name.find(first) != std::string::npos) multiply(tensor, factor, [](Index row, Index) { return row == 5; });
      if (name.find(second) != std::string::npos)
        multiply(tensor, 1 / factor, [](Index, Index col) { return col == 5; });
    }
  });
}

// The rows of several matrices as one, as Phi-3 has them.
void fuse(StoredTensors& tensors, const std::vector<std::string>& names, const std::string& fused) {
  StoredTensor all = tensors.at(names.front());
  all.shape[0] = 0;
  all.bytes.clear();
  for (const std::string& name : names) {
    all.shape[0] += tensors.at(name).shape[0];
    all.bytes += tensors.at(name).bytes;
    tensors.erase(name);
  }
  tensors[fused] = std::move(all);
}

OddInput as_phi3(OddInput input) {
  input = with_tensors(std::move(input), [](StoredTensors& tensors) {
    for (const char* block : {"0", "1", "2", "3"}) {
      const std::string layer = std::string("model.layers.") + block, heads = layer + ".self_attn.",
                        mlp = layer + ".mlp.";
      fuse(tensors, {heads + "q_proj.weight", heads + "k_proj.weight", heads + "v_proj.weight"},
           heads + "qkv_proj.weight");
      fuse(tensors, {mlp + "gate_proj.weight", mlp + "up_proj.weight"}, mlp + "gate_up_proj.weight");
    }
  });
  input.make = [make = input.make](const std::filesystem::path& directory) {
    make(directory);
    change_config(directory, {{"architectures", {"Phi3ForCausalLM"}}, {"model_type", "phi3"}});
  };
  return input;
}

}  // namespace

OddInputs odd_scales() {
  OddInputs all;
  for (const float factor : {0x1p-7F, 0x1p10F}) {
    const std::string by = factor > 1 ? " times 1024" : " over 128";
    const auto llama = [&](const std::string& what) { return trained(what + by, "demo-llama", kDemoLlama); };
    const auto mixtral = [&](const std::string& what) { return trained(what + by, "demo-mixtral", kDemoMixtral); };
    all.push_back(pair("q_proj", "k_proj", factor, llama("queries")));
    all.push_back(pair("v_proj", "o_proj", factor, llama("values")));
    all.push_back(pair("up_proj", "down_proj", factor, llama("up")));
    all.push_back(channel("up_proj", "down_proj", factor, llama("a channel of up")));
    all.push_back(pair("w3", "w2", factor, mixtral("up of experts")));
    all.push_back(pair("0.w3", "0.w2", factor, mixtral("up of one expert")));
    all.push_back(as_phi3(pair("q_proj", "k_proj", factor, llama("fused queries"))));
    all.push_back(as_phi3(pair("up_proj", "down_proj", factor, llama("fused up"))));
  }
  all.push_back(channel("up_proj", "down_proj", 0x1p10F, trained("a channel", "demo-llama", kDemoLlama, "--paper")));
  all.push_back(pair("q_proj", "k_proj", 0x1p10F, trained("queries", "demo-llama", kDemoLlama, "--export-for stock")));
  for (const char* form : {"--paper", "--export-for stock"})
    all.push_back(as_phi3(pair("q_proj", "k_proj", 0x1p10F, trained("fused queries", "demo-llama", kDemoLlama, form))));
  return all;
}

}  // namespace lrc
