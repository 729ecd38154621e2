// The calibration pass: what the moments of every group are, block by block, committed for whoever will solve.
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
  int next_owner_ = 0;  // of a panel of moments
  CalibrationPass pass_;
};

}  // namespace lrc
