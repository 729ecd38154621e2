// Small models of any family with random weights.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lrc/core/types.hpp"

namespace lrc {

/// A config.json of `family` (model_type) with sizes that no two roles share; `changes` overrides it.
nlohmann::json random_model_config(const std::string& family, const nlohmann::json& changes = nlohmann::json::object());

/// Writes `config` and every tensor that it asks for, normally distributed, into `directory`. Two of a mixtral, one
/// with `fused_experts` and one without, hold the same numbers.
void write_random_model(const std::filesystem::path& directory, const nlohmann::json& config,
                        bool fused_experts = false);

}  // namespace lrc
