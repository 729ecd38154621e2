// Config files: a line "NAME = VALUE" an option.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lrc {

struct Setting {
  std::string name, value;
  std::string place;  ///< "FILE, line 7"
};

/// The settings of a file in UTF-8, with or without a byte order mark. A comment begins with # or ; at the start of a
/// line or behind white space; a value in quotes, "..." or '...', may hold these. White space around names and values
/// doesn't count. slurm/lrc_calibrate.slurm reads the same. Throws InputError, with the line, for what is no setting,
/// for a section and for a name that is there twice.
std::vector<Setting> read_config_file(const std::filesystem::path& file);

}  // namespace lrc
