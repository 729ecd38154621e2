// The second pass over a block's inputs: what prepares them to be quantized is found from the sums of the first, and
// the moments of the prepared inputs are summed.
#pragma once

#include <functional>

#include "lrc/calibration/group_sums.hpp"
#include "lrc/pipeline/run_context.hpp"
#include "lrc/pipeline/stored_records.hpp"

namespace lrc {

/// A group's moments, whole, on the rank that owns them.
struct PreparedMoments {
  SummedMoments moments;
  GroupPreparation preparation;
};

using TakePrepared = std::function<void(const std::string& group, const PreparedMoments& prepared)>;

/// For some groups of block `index`, from the sums of their inputs (kind inputs, kept), and of their drift, where there
/// is one, which are used up. Owners are dealt out from `first_owner` on; each gives its own groups to `take`. As many
/// groups as there are ranks at a time: a rank holds the matrices of one. Collective.
void prepare_groups(const RunContext& run, Index index, std::vector<GroupSums>& sums, int first_owner,
                    const TakePrepared& take);

/// Commits a panel of a group's moments. Not collective.
void store_moments(const RunContext& run, const MomentsKey& key, const SummedMoments& moments,
                   StoredPreparation preparation);
/// Commits a group's moments, as far as the plan has them unmeasured, on their owner.
void store_prepared(const RunContext& run, const WorkPlan& plan, const std::string& group,
                    const PreparedMoments& prepared);

}  // namespace lrc
