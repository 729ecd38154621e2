// Calibration data and models that tell little: one token again and again, a few tokens, layers that are zero, experts
// that no token reaches. Perplexities were computed by transformers 5.23, as in model_files.cpp.
#include <fmt/core.h>

#include <algorithm>

#include "odd_files.hpp"
#include "trained.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr double kNoValues = 65.4323957, kNoUp = 81.1351098, kHalfOfUp = 108.267113;

OddInput calibrated_on(const std::vector<std::uint16_t>& tokens, OddInput input) {
  input.make = [=, make = input.make](const fs::path& directory) {
    make(directory);
    write_file(directory / "little.npy", npy("<u2", fmt::format("({},)", tokens.size()), bytes_from(tokens)));
  };
  input.calibration = "little.npy";
  return input;
}

// The matrices of that name in one block, or in all, with every `step`-th row zero.
OddInput zeroed(const std::string& name, std::size_t step, OddInput input) {
  return with_tensors(std::move(input), [=](StoredTensors& tensors) {
    for (auto& [key, tensor] : tensors) {
      if (key.find(name) == std::string::npos) continue;
      const auto rows = static_cast<std::size_t>(tensor.shape[0]);
      const std::size_t bytes = tensor.bytes.size() / rows;
      for (std::size_t row = 0; row < rows; row += step) tensor.bytes.replace(row * bytes, bytes, bytes, '\0');
    }
  });
}

}  // namespace

OddInputs odd_statistics() {
  const std::vector<std::uint16_t> one_token(128, 5);
  OddInputs all;
  for (const char* form : {"", "--paper", "--export-for stock", "--method gptq", "--method svd", "--rotation none",
                           "--moments exact", "--deflated on --residual-activations off", "--propagate quantized"}) {
    all.push_back(calibrated_on(one_token, trained("one token again and again", "demo-llama", kDemoLlama, form)));
  }
  for (const char* form : {"", "--paper", "--propagate quantized"}) {
    all.push_back(zeroed("1.self_attn.v_proj", 1, trained("values that are zero", "demo-llama", kNoValues, form)));
    all.push_back(zeroed("1.mlp.up_proj", 1, trained("an MLP that is zero", "demo-llama", kNoUp, form)));
    all.push_back(zeroed("mlp.up_proj", 2, trained("half of all MLPs zero", "demo-llama", kHalfOfUp, form)));
  }
  for (const char* form : {"", "--paper", "--method gptq"})
    all.push_back(calibrated_on(one_token, trained("experts without tokens", "demo-mixtral", kDemoMixtral, form)));
  return all;
}

}  // namespace lrc
