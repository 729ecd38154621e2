// The data beside the project, where it is there: tests that need it are skipped by name elsewhere.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "lrc/io/tokens.hpp"
#include "lrc/model/sequences.hpp"

namespace lrc {

inline std::filesystem::path shared_data(const std::string& name) {
  return std::filesystem::path(LRC_SOURCE_DIR) / ".." / "shared" / "data" / name;
}

inline std::filesystem::path demo_model(const std::string& name = "demo-llama") {
  return std::filesystem::path(LRC_SOURCE_DIR) / "models" / name;
}

/// The first `count` windows of `length` tokens of a token file taken as one stream.
inline Sequences windows_of(const std::filesystem::path& file, Index count, Index length) {
  std::vector<std::int32_t> tokens = read_tokens(file);
  tokens.resize(static_cast<std::size_t>(count * length));
  return {count, length, std::move(tokens)};
}

}  // namespace lrc

#define LRC_REQUIRE_SHARED_DATA(name) \
  if (!std::filesystem::exists(lrc::shared_data((name)))) GTEST_SKIP() << "../shared/data/" << (name) << " is not there"
