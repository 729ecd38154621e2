// What the phases of a calibration run share.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/core/run_progress.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/model/stored_model.hpp"
#include "lrc/mpi/communicator.hpp"
#include "lrc/options/calibrate_options.hpp"
#include "lrc/plan/memory_plan.hpp"
#include "lrc/report/run_report.hpp"
#include "lrc/rotation/rotated_model.hpp"

namespace lrc {

struct RunContext {
  const Communicator& world;
  const CalibrateOptions& options;
  Execution& exec;
  const StoredModel& stored;
  const RotatedModel* rotated;  ///< nullptr where nothing is rotated
  const Model& model;           ///< the one of the two that is calibrated
  Dtype kept_dtype;             ///< of what stays unquantized in the output
  const Sequences& sequences;
  MemoryPlan& memory;
  Checkpoint& checkpoint;
  RunReport& report;
  RunProgress& progress;
  double& solve_pace;  ///< on rank 0: seconds per cost of the slowest solve so far; 0 = none yet
};

/// One solve of the work queue.
struct SolveTask {
  Index block;
  GroupLayout group;
  LinearStack stack;
};

/// What is left to do. Made once, from what was committed when the run began, of which all ranks see the same.
struct WorkPlan {
  std::vector<SolveTask> solves;                       ///< not committed yet
  std::set<std::pair<std::string, Index>> unmeasured;  ///< groups and panels of their moments that one of them needs

  static WorkPlan of(const Model& model, bool stacked, const Checkpoint& checkpoint);
  bool has_unmeasured(const BlockLayout& block) const;
};

}  // namespace lrc
