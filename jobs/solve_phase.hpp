// The solves of a window of blocks, through the work queue; each is committed on its own.
#pragma once

#include "run_context.hpp"

namespace lrc {

/// Solves what the plan has in blocks `first` to before `end`, whose moments are committed, and drops the moments.
/// Collective.
void solve_window(const RunContext& run, const WorkPlan& plan, Index first, Index end);

/// How many blocks make enough solves that the last ones to finish leave few ranks idle.
Index window_size(const RunContext& run);

}  // namespace lrc
