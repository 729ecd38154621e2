// Options that would be taken without a word, and change nothing.
#pragma once

#include "lrc/options/calibrate_options.hpp"

namespace lrc {

/// Throws InputError naming an option that was given, is not at its default and has no effect with the others, and what
/// it needs. At its default it may be there: a config file may serve all methods. Call after complete().
void refuse_idle_options(const OptionTable& table, const CalibrateOptions& options);

}  // namespace lrc
