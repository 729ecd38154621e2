// Calibration data and models that tell little: one token again and again, a few tokens, layers that are zero, experts
// that no token reaches. The demo models, which are trained: what they can say has something to lose. Perplexities were
// computed by transformers 5.23, as in model_files.cpp.
#include <fmt/core.h>

#include <algorithm>

#include "odd_input.hpp"
#include "shared_data.hpp"
#include "stored_tensors.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr double kLlama = 60.5982059, kMixtral = 39.651089, kNoValues = 65.4323957, kNoUp = 81.1351098,
                 kHalfOfUp = 108.267113;

std::string npy(const std::vector<std::uint16_t>& tokens) {
  const std::string header =
      fmt::format("{{'descr': '<u2', 'fortran_order': False, 'shape': ({},), }}\n", tokens.size());
  return "\x93NUMPY" + std::string{1, 0, static_cast<char>(header.size()), 0} + header + bytes_from(tokens);
}

OddInput demo(const std::string& name, const std::string& model, double perplexity, const std::string& options) {
  OddInput input{.name = name + (options.empty() ? "" : " " + options),
                 .make =
                     [=](const fs::path& directory) {
                       fs::remove_all(directory / "model");
                       fs::copy(demo_model(model), directory / "model");
                       fs::copy_file(demo_model(model) / "evaluation.npy", directory / "tokens.npy",
                                     fs::copy_options::overwrite_existing);
                     },
                 .perplexity = perplexity,
                 .quantized_losses = 0.12};
  for (std::size_t begin = 0; begin < options.size();) {
    const std::size_t end = std::min(options.find(' ', begin), options.size());
    input.options.push_back(options.substr(begin, end - begin));
    begin = end + 1;
  }
  return input;
}

OddInput calibrated_on(OddInput input, const std::vector<std::uint16_t>& tokens) {
  input.make = [=, make = input.make](const fs::path& directory) {
    make(directory);
    write_file(directory / "little.npy", npy(tokens));
  };
  input.calibration = "little.npy";
  return input;
}

// The matrix `name` of one block, or of all, with every `step`-th row zero.
OddInput zeroed(OddInput input, const std::string& name, std::size_t step) {
  input.make = [=, make = input.make](const fs::path& directory) {
    make(directory);
    StoredTensors tensors = read_tensors(directory / "model");
    for (auto& [key, tensor] : tensors) {
      if (key.find(name) == std::string::npos) continue;
      const std::size_t rows = static_cast<std::size_t>(tensor.shape[0]), bytes = tensor.bytes.size() / rows;
      for (std::size_t row = 0; row < rows; row += step) std::fill_n(tensor.bytes.begin() + row * bytes, bytes, '\0');
    }
    write_tensors(directory / "model/model.safetensors", tensors);
  };
  return input;
}

const std::vector<std::string> kForms = {"",
                                         "--paper",
                                         "--export-for stock",
                                         "--method gptq",
                                         "--method svd",
                                         "--rotation none",
                                         "--moments exact",
                                         "--deflated on --residual-activations off",
                                         "--propagate quantized",
                                         "--rank-allocation adaptive"};

}  // namespace

OddInputs odd_statistics() {
  OddInputs all;
  for (const std::string& form : kForms) {
    all.push_back(calibrated_on(demo("one token again and again", "demo-llama", kLlama, form),
                                std::vector<std::uint16_t>(128, 5)));
    all.push_back(zeroed(demo("values that are zero", "demo-llama", kNoValues, form), "1.self_attn.v_proj", 1));
    all.push_back(zeroed(demo("an MLP that is zero", "demo-llama", kNoUp, form), "1.mlp.up_proj", 1));
    all.push_back(zeroed(demo("half of all MLPs zero", "demo-llama", kHalfOfUp, form), "mlp.up_proj", 2));
  }
  for (const char* form : {"", "--paper", "--method gptq", "--moments exact"}) {
    all.push_back(calibrated_on(demo("experts without tokens", "demo-mixtral", kMixtral, form),
                                std::vector<std::uint16_t>(128, 5)));
  }
  return all;
}

}  // namespace lrc
