// The second pass over a block's inputs: what prepares them to be quantized is found from the sums of the first, and
// the moments of the prepared inputs are summed.
#pragma once

#include "lrc/calibration/group_sums.hpp"
#include "run_context.hpp"
#include "stored_records.hpp"

namespace lrc {

/// A group's moments, whole, on the rank that owns them.
struct PreparedMoments {
  SummedMoments moments;
  GroupPreparation preparation;
  int owner = 0;
};

/// For some groups of block `index`, from the sums of their inputs (kind inputs, kept), and of their drift, where there
/// is one. Owners are dealt out from `first_owner` on. Collective.
std::vector<PreparedMoments> prepare_groups(const RunContext& run, Index index, std::vector<GroupSums>& sums,
                                            int first_owner);

/// Commits a panel of a group's moments. Not collective.
void store_moments(const RunContext& run, const MomentsKey& key, const SummedMoments& moments,
                   StoredPreparation preparation);
/// Commits a group's moments, as far as the plan has them unmeasured, on their owner.
void store_prepared(const RunContext& run, const WorkPlan& plan, const std::string& group, PreparedMoments prepared);

}  // namespace lrc
