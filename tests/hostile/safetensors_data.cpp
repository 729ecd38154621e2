// model.safetensors: sound headers over the wrong tensors or the wrong numbers.
#include <fmt/core.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "lrc/io/safetensors.hpp"
#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

// The good file's header as a tree, changed; its data stay.
Situation header(const std::string& name, const std::vector<std::string>& named,
                 const std::function<void(nlohmann::ordered_json&)>& change) {
  return {"model.safetensors " + name, named, [=](const fs::path& directory) {
            const fs::path file = directory / "model/model.safetensors";
            const std::string bytes = file_bytes(file);
            std::uint64_t length = 0;
            std::memcpy(&length, bytes.data(), sizeof length);
            auto tree = nlohmann::ordered_json::parse(bytes.substr(sizeof length, length));
            change(tree);
            write_file(file, safetensors(tree.dump(), bytes.substr(sizeof length + length)));
          }};
}

// One number of a tensor's data.
Situation number(const std::string& tensor, Index element, float value) {
  return {fmt::format("model.safetensors {}[{}]={}", tensor, element, value),
          {"model.safetensors", tensor, fmt::format("at element {}", element)},
          [=](const fs::path& directory) {
            const fs::path file = directory / "model/model.safetensors";
            const auto offset =
                TensorDirectory(directory / "model").at(tensor).offset + 4 * static_cast<std::size_t>(element);
            std::string bytes = file_bytes(file);
            std::memcpy(bytes.data() + offset, &value, sizeof value);
            write_file(file, bytes);
          }};
}

Situation size(const std::string& name, std::int64_t difference) {
  return {"model.safetensors " + name, {"model.safetensors"}, [=](const fs::path& directory) {
            const fs::path file = directory / "model/model.safetensors";
            fs::resize_file(file, fs::file_size(file) + static_cast<std::uintmax_t>(difference));
          }};
}

}  // namespace

Situations safetensors_data_situations() {
  const std::string norm = "model.norm.weight", up = "model.layers.0.mlp.up_proj.weight";
  Situations all;
  for (const std::string& tensor :
       {std::string("model.embed_tokens.weight"), norm, up, std::string("lm_head.weight")}) {
    all.push_back(number(tensor, 0, std::nanf("")));
    all.push_back(number(tensor, 31, std::numeric_limits<float>::infinity()));
    all.push_back(number(tensor, 7, -std::numeric_limits<float>::infinity()));
    all.push_back(header("without " + tensor, {"model", tensor}, [=](auto& tree) {
      tree["other"] = tree[tensor];
      tree.erase(tensor);
    }));
    for (const std::string dtype : {"I32", "I64", "U8", "C64", "F8_E4M3", "BOOL"}) {
      all.push_back(header(tensor + " as " + dtype, {"model.safetensors", tensor}, [=](auto& tree) {
        auto& entry = tree[tensor];
        entry["dtype"] = dtype;
        const int first = entry["shape"][0].template get<int>();
        if (dtype == "I64" || dtype == "C64") entry["shape"][0] = first / 2;
        if (dtype == "U8" || dtype == "F8_E4M3" || dtype == "BOOL") entry["shape"][0] = first * 4;
      }));
    }
  }
  const auto shaped = [&](const std::string& tensor, const nlohmann::ordered_json& shape) {
    all.push_back(header(tensor + " of shape " + shape.dump(), {"model.safetensors", tensor},
                         [=](auto& tree) { tree[tensor]["shape"] = shape; }));
  };
  shaped(up, {32, 48});
  shaped(up, nlohmann::ordered_json::array({1536}));
  shaped(up, {48, 32, 1});
  shaped(norm, {1, 32});
  shaped(norm, {4, 8});
  append(all, {size("without its last byte", -1), size("without its last half", -20'000), size("with a byte more", 1),
               size("a terabyte of zeros longer", std::int64_t{1} << 40)});
  return all;
}

}  // namespace lrc
