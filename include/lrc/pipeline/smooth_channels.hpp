// The outliers of activations are found before anything else is measured (lrc/rotation/smoothed_model.hpp).
#pragma once

#include <memory>

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/pipeline/problem.hpp"
#include "lrc/pipeline/ranks.hpp"
#include "lrc/pipeline/run_log.hpp"
#include "lrc/rotation/smoothed_model.hpp"

namespace lrc {

/// `model` smoothed by options.smooth. The scales are committed once a pass through the whole model has told them, and
/// loaded by a run that goes on. `model` must outlive the result. Collective.
std::unique_ptr<SmoothedModel> smoothed(const Ranks& ranks, const CalibrateOptions& options, const Model& model,
                                        const Sequences& sequences, Checkpoint& store, RunLog log);

}  // namespace lrc
