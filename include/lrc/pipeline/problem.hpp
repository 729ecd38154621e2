// What a run is about. Nothing of it changes while the run goes on.
#pragma once

#include <functional>

#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/options/calibrate_options.hpp"
#include "lrc/rotation/rotated_model.hpp"

namespace lrc {

struct Problem {
  const CalibrateOptions& options;
  const Sequences& sequences;
  const StoredModel& stored;
  const RotatedModel* rotated;  ///< nullptr where nothing is rotated
  const Model& model;           ///< the one that is calibrated: stored, equalized, smoothed or rotated
  Dtype kept_dtype;             ///< of what stays unquantized in the output

  Index blocks() const { return model.config().blocks; }
};

/// One solve of the work queue.
struct SolveTask {
  Index block;
  GroupLayout group;
  LinearStack stack;
};

/// Calls visit for each of the model's solves, in its order.
void for_each_solve(const Problem& problem, const std::function<void(const SolveTask&)>& visit);

}  // namespace lrc
