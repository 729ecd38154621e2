// JSON files of unknown origin.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lrc {

/// Parses `text`, an object with no key twice, no nesting deeper than 64 and at most 8 million keys and values. Throws
/// InputError naming `subject` and the place.
nlohmann::json parse_json_object(const std::string& subject, std::string_view text);

/// The same for a file of at most `max_bytes`.
nlohmann::json read_json_object(const std::filesystem::path& file, std::uint64_t max_bytes = std::uint64_t{64} << 20);

/// A config.json, as Python reads it: of a key that is there twice the last one counts, and NaN, Infinity and -Infinity
/// may stand where numbers do (here they are strings then).
nlohmann::json read_json_of_python(const std::filesystem::path& file);

}  // namespace lrc
