// Files of an odd input.
#pragma once

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "temporary_directory.hpp"

namespace lrc {

/// A .npy file.
inline std::string npy(const std::string& type, const std::string& shape, const std::string& data,
                       const std::string& order = "False") {
  const std::string header = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", type, order, shape);
  return "\x93NUMPY" + std::string{1, 0, static_cast<char>(header.size()), 0} + header + data;
}

/// Merges `changes` into DIRECTORY/model/config.json.
inline void change_config(const std::filesystem::path& directory, const nlohmann::json& changes) {
  nlohmann::json config = nlohmann::json::parse(file_bytes(directory / "model/config.json"));
  config.merge_patch(changes);
  write_file(directory / "model/config.json", config.dump());
}

}  // namespace lrc
