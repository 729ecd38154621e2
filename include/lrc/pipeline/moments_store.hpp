// What becomes of the sums of a block's groups: moments, committed for whoever will solve.
#pragma once

#include "lrc/calibration/group_sums.hpp"
#include "lrc/pipeline/prepare_groups.hpp"
#include "lrc/pipeline/work_plan.hpp"
#include "lrc/report/run_report.hpp"

namespace lrc {

class MomentsStore {
 public:
  /// Commits what the plan has unmeasured, and nothing else.
  MomentsStore(Ranks ranks, const Problem& problem, Checkpoint& store, RunReport& report, const WorkPlan& plan)
      : ranks_(ranks), problem_(problem), store_(store), report_(report), plan_(plan) {}

  /// The moments of some groups of block `index`, from this rank's sums, which are used up; `whole`: those of a group
  /// on one rank, which prepares its inputs. Groups, or panels of them, are dealt out to the ranks. Collective.
  void take(Index index, std::vector<GroupSums>& sums, bool whole);

 private:
  void commit_panels(GroupSums group);
  void commit(const MomentsKey& key, const SummedMoments& moments, const InputTransform& transform);
  void commit(const std::string& group, const PreparedMoments& prepared);

  Ranks ranks_;
  const Problem& problem_;
  Checkpoint& store_;
  RunReport& report_;
  const WorkPlan& plan_;
  int next_owner_ = 0;  // of a group's moments, or of a panel of them
};

}  // namespace lrc
