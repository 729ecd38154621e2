// Small JSON files that know when a bit of them has flipped.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace lrc {

/// The content, and a hash of it.
std::string checked_json_text(const nlohmann::ordered_json& content);

/// The content of a file with such a text; none where the file is not, byte for byte, what checked_json_text gives for
/// it. Throws InputError where there is no file.
std::optional<nlohmann::ordered_json> read_checked_json(const std::filesystem::path& file);

}  // namespace lrc
