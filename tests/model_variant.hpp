// The demo model written again in another layout, for tests.
#pragma once

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "lrc/io/safetensors.hpp"
#include "shared_data.hpp"
#include "temporary_directory.hpp"

namespace lrc {

struct Variant {
  Dtype dtype = Dtype::f32;
  std::size_t files = 1;                             ///< more than one: with an index
  nlohmann::json config = nlohmann::json::object();  ///< keys to change; null removes one
  /// The new name of a tensor; empty: left out.
  std::function<std::string(const std::string&)> name = [](const std::string& same) { return same; };
  bool random_biases = false;  ///< beside every linear of the blocks
};

namespace detail {

inline void add_biases(std::vector<TensorInfo>& infos, std::vector<std::vector<float>>& data) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 0.3F);
  for (std::size_t i = 0, count = infos.size(); i < count; ++i) {
    if (infos[i].name.find("_proj.weight") == std::string::npos) continue;
    TensorInfo bias = infos[i];
    bias.name.replace(bias.name.size() - 6, 6, "bias");
    bias.shape = {infos[i].shape[0]};
    std::vector<float> values(static_cast<std::size_t>(bias.shape[0]));
    for (float& value : values) value = normal(random);
    infos.push_back(bias);
    data.push_back(values);
  }
}

inline void write_files(const std::filesystem::path& directory, std::size_t files, const std::vector<TensorInfo>& infos,
                        const std::vector<std::vector<float>>& data) {
  nlohmann::json index = {{"weight_map", nlohmann::json::object()}};
  for (std::size_t file = 0; file < files; ++file) {
    const std::string name = files == 1 ? "model.safetensors" : "part-" + std::to_string(file) + ".safetensors";
    std::vector<TensorInfo> part;
    for (std::size_t i = file; i < infos.size(); i += files) part.push_back(infos[i]);
    SafetensorsWriter writer(directory / name, part);
    for (std::size_t i = file; i < infos.size(); i += files) {
      index["weight_map"][infos[i].name] = name;
      writer.write(data[i]);
    }
    writer.commit();
  }
  if (files > 1) write_file(directory / "model.safetensors.index.json", index.dump());
}

}  // namespace detail

inline void write_variant(const std::filesystem::path& directory, const Variant& variant) {
  const TensorDirectory demo(demo_model());
  std::vector<TensorInfo> infos;
  std::vector<std::vector<float>> data;
  for (const TensorInfo& info : demo.tensors()) {
    TensorInfo renamed = info;
    renamed.name = variant.name(info.name);
    renamed.dtype = variant.dtype;
    if (renamed.name.empty()) continue;
    infos.push_back(renamed);
    data.emplace_back(static_cast<std::size_t>(info.elements()));
    demo.read(info, data.back());
  }
  if (variant.random_biases) detail::add_biases(infos, data);
  std::filesystem::create_directories(directory);
  detail::write_files(directory, variant.files, infos, data);
  nlohmann::json config = nlohmann::json::parse(file_bytes(demo_model() / "config.json"));
  config.merge_patch(variant.config);
  write_file(directory / "config.json", config.dump());
}

}  // namespace lrc
