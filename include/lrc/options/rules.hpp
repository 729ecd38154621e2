// What goes with what.
#pragma once

#include "lrc/options/calibrate_options.hpp"

namespace lrc {

/// Throws InputError naming an option that was given, is not at its default and does not go with the others, or would
/// change nothing, and what it needs. At its default it may be there: a config file may serve all methods. Call after
/// apply_presets().
void check_rules(const OptionTable& table, const CalibrateOptions& options);

/// Throws InputError naming the option that does not go with the model: --min-expert-tokens where there are no experts;
/// --export-for stock where its loaders don't run the model: one with experts, which transformers fuses and whose
/// inputs it then doesn't quantize, or one whose linears' inputs are not divided by the groups that share a scale.
void check_rules(const CalibrateOptions& options, const ModelConfig& config);

}  // namespace lrc
