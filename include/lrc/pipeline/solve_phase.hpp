// Solves through the work queue; each is committed on its own.
#pragma once

#include "lrc/pipeline/ranks.hpp"
#include "lrc/pipeline/run_log.hpp"
#include "lrc/pipeline/work_plan.hpp"

namespace lrc {

class SolvePhase {
 public:
  SolvePhase(Ranks ranks, const Problem& problem, Checkpoint& store, RunLog log, const WorkPlan& plan)
      : ranks_(ranks), problem_(problem), store_(store), log_(log), plan_(plan) {}

  /// Solves what the plan has in blocks `first` to before `end`, whose moments are committed, and drops the moments.
  /// Collective.
  void run(Index first, Index end);

  /// --propagate quantized: a stage is solved before the tokens go on, so that every group of linears answers for the
  /// inputs that the quantized groups before it give. Solves what the plan has left of it in block `index`, whose
  /// moments are committed, drops the moments, and puts all of the stage's solved groups into `block`. `of` says where
  /// they belong. Collective.
  void run(Index index, GroupRole stage, Block& block, const std::string& of);

 private:
  void solve(const std::vector<SolveTask>& solves, const std::string& of);
  void put_solved_groups(const BlockLayout& layout, GroupRole stage, Block& block);
  void drop_moments(const GroupLayout& group);

  Ranks ranks_;
  const Problem& problem_;
  Checkpoint& store_;
  RunLog log_;
  const WorkPlan& plan_;
  double pace_ = 0;  // on rank 0: seconds per cost of the slowest solve so far; 0 = none yet
};

/// Removes the moments of groups whose solves were all committed when the run began: what a run leaves that is killed
/// between its last solve and the drop. For root, before anything is measured.
void drop_needless_moments(Checkpoint& store, const Problem& problem, const WorkPlan& plan);

}  // namespace lrc
