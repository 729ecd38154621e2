// The solves of a window of blocks, through the work queue; each is committed on its own.
#pragma once

#include "lrc/pipeline/run_context.hpp"

namespace lrc {

/// Solves what the plan has in blocks `first` to before `end`, whose moments are committed, and drops the moments.
/// Collective.
void solve_window(const RunContext& run, const WorkPlan& plan, Index first, Index end);

/// Solves these, whose moments are committed; `of` says where they belong ("block 3 of 30"). Collective.
void solve_all(const RunContext& run, const std::vector<SolveTask>& solves, const std::string& of);

/// Removes a group's committed moments. For one rank, when no other needs them.
void drop_moments(const RunContext& run, const GroupLayout& group);

/// Removes the moments of groups whose solves were all committed when the run began: what a run leaves that is killed
/// between its last solve and the drop. For root, before anything is measured.
void drop_needless_moments(const RunContext& run);

}  // namespace lrc
