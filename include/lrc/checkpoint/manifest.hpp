// Which run a checkpoint belongs to.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace lrc {

/// Writes the fingerprint of a run, a flat object, with a check of its own.
void write_manifest(const std::filesystem::path& file, const nlohmann::ordered_json& fingerprint);

/// Throws InputError where the manifest is damaged, or, naming every entry that differs and what to do, where it is
/// another run's. A difference in an entry named in `may_differ` is passed over.
void check_manifest(const std::filesystem::path& file, const nlohmann::ordered_json& fingerprint,
                    const std::vector<std::string>& may_differ = {});

}  // namespace lrc
