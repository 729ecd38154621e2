#include "trained.hpp"

#include <algorithm>

#include "shared_data.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    all.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

}  // namespace

OddInput trained(const std::string& name, const std::string& model, double perplexity, const std::string& options) {
  const auto make = [=](const fs::path& directory) {
    fs::remove_all(directory / "model");
    fs::copy(demo_model(model), directory / "model");
    fs::copy_file(demo_model(model) / "evaluation.npy", directory / "tokens.npy", fs::copy_options::overwrite_existing);
  };
  return {.name = options.empty() ? name : name + " " + options,
          .make = make,
          .perplexity = perplexity,
          .quantized_losses = 0.12,
          .options = words(options)};
}

OddInput with_tensors(OddInput input, const std::function<void(StoredTensors&)>& change) {
  input.make = [change, make = input.make](const fs::path& directory) {
    make(directory);
    StoredTensors tensors = read_tensors(directory / "model");
    change(tensors);
    write_tensors(directory / "model/model.safetensors", tensors);
  };
  return input;
}

}  // namespace lrc
