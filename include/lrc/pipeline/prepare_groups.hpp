// The second pass over a block's inputs: what prepares them to be quantized is found from the sums of the first, and
// the moments of the prepared inputs are summed.
#pragma once

#include <functional>

#include "lrc/calibration/group_sums.hpp"
#include "lrc/pipeline/problem.hpp"
#include "lrc/pipeline/ranks.hpp"
#include "lrc/quantization/quantized_stack.hpp"

namespace lrc {

/// A group's moments, whole, on the rank that owns them.
struct PreparedMoments {
  SummedMoments moments;
  InputTransform transform;
};

using TakePrepared = std::function<void(const std::string& group, const PreparedMoments& prepared)>;

/// For some groups of block `index`, from the sums of their inputs (kind inputs, kept), and of their drift, where there
/// is one, which are used up. Owners are dealt out from `first_owner` on; each gives its own groups to `take`. As many
/// groups as there are ranks at a time: a rank holds the matrices of one. Collective.
void prepare_groups(const Ranks& ranks, const Problem& problem, Index index, std::vector<GroupSums>& sums,
                    int first_owner, const TakePrepared& take);

}  // namespace lrc
