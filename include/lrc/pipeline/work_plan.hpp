// What is left to do.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/pipeline/problem.hpp"

namespace lrc {

/// Made once, from what was committed when the run began, of which all ranks see the same.
struct WorkPlan {
  std::vector<SolveTask> solves;                       ///< not committed yet
  std::set<std::pair<std::string, Index>> unmeasured;  ///< groups and panels of their moments that one of them needs
  std::set<std::string> solved;                        ///< groups of which all solves are committed

  static WorkPlan of(const Problem& problem, const Checkpoint& store);
  bool is_unmeasured(const std::string& group) const;
};

}  // namespace lrc
