// What becomes of the sums of a block's groups: moments, committed for whoever will solve.
#pragma once

#include "lrc/calibration/group_sums.hpp"
#include "lrc/pipeline/run_context.hpp"

namespace lrc {

/// Commits the moments of some groups of block `index`, as far as the plan has them unmeasured, from this rank's sums,
/// which are used up; `whole`: those of a group on one rank, which prepares its inputs. Groups, or panels of them, are
/// dealt out to the ranks from `next_owner` on, which moves on. Collective.
void store_sums(const RunContext& run, const WorkPlan& plan, Index index, std::vector<GroupSums>& sums, bool whole,
                int& next_owner);

}  // namespace lrc
