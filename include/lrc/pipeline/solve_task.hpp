// One solve, from the committed moments to the committed solve.
#pragma once

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/pipeline/problem.hpp"
#include "lrc/pipeline/ranks.hpp"
#include "lrc/report/run_report.hpp"

namespace lrc {

/// By all ranks of the team, whose first one commits. Collective in it.
void solve_task(const Ranks& team, const Problem& problem, Checkpoint& store, RunReport& report, const SolveTask& task);

}  // namespace lrc
