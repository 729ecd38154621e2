// Options that stand for a choice of others.
#pragma once

#include "lrc/options/calibrate_options.hpp"

namespace lrc {

/// Lets --help say what --method lrc and --export-for stock have as their defaults, which is not what the table begins
/// with. Precondition: `table` is untouched.
void describe_presets(OptionTable& table);

/// Sets what --scheme, --paper and --export-for stock ask for; without the latter two, --method lrc takes what
/// jobs/accuracy found to be best in every option that was not given. Throws InputError naming an option that was given
/// as something else, and what it must be. Call after OptionTable::parse and before complete().
void apply_presets(OptionTable& table, const CalibrateOptions& options);

}  // namespace lrc
