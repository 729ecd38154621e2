// The calibration pass: what the moments of every group are, committed for whoever will solve; with --propagate
// quantized they are solved on the way.
#pragma once

#include "lrc/pipeline/calibration_pass.hpp"

namespace lrc {

class MeasurePhase {
 public:
  /// Collective, as run() is.
  MeasurePhase(const RunContext& run, const WorkPlan& plan);

  /// The blocks before `end`, as far as they are not measured already.
  void run(Index end) { pass_.run(end); }

 private:
  PassWork work();
  void reduce_and_store(std::vector<GroupSums>& sums);
  void prepare_and_store(Index block, std::vector<GroupSums>& sums);

  const RunContext& run_;
  const WorkPlan& plan_;
  int next_owner_ = 0;  // of a group's moments, or of a panel of them
  CalibrationPass pass_;
};

}  // namespace lrc
