// The pass that ranks are allocated by (--rank-allocation adaptive): over all blocks, before any is solved. It commits
// what each rank of every stack buys.
#pragma once

#include <set>
#include <string>

#include "lrc/pipeline/calibration_pass.hpp"

namespace lrc {

class SpectraPhase {
 public:
  explicit SpectraPhase(const RunContext& run);

  /// Measures the spectra that were not committed when this was made. Collective.
  void run();

 private:
  void take(Index block, std::vector<GroupSums>& sums);
  void store(Index block, const GroupLayout& group, const GroupSums& sums) const;

  const RunContext& run_;
  std::set<std::string> missing_;  // groups
  int next_owner_ = 0;             // of a group's sums
};

}  // namespace lrc
