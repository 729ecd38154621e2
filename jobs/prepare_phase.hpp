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

/// For block `index`, from the sums of its groups' inputs (kind inputs, kept). Owners are dealt out from `first_owner`
/// on. Collective.
std::vector<PreparedMoments> prepare_groups(const RunContext& run, Index index, std::vector<GroupSums>& sums,
                                            int first_owner);

}  // namespace lrc
