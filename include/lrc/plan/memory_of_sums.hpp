// What a rank holds of memory for the sums of moments, and while it uses them.
#pragma once

#include "lrc/calibration/group_sums.hpp"
#include "lrc/plan/memory_sizes.hpp"

namespace lrc::memory {

/// One measurement of a block: what is summed of its groups, and how.
struct Measurement {
  std::string name;
  MomentKind kind;
  bool prepared;
  bool drifts = false;
  std::set<GroupRole> by_panels{};
  std::set<GroupRole> roles{GroupRole::qkv, GroupRole::attention_out, GroupRole::gate_up, GroupRole::down};
};

/// From a block's forward pass on: the sums, the inputs that are kept, both again for experts that see few tokens.
std::vector<MemoryTerm> sums_terms(const MemoryInputs& in, const Measurement& measured);

/// What is done with the sums when a block has been passed, group by group: that of the largest.
MemoryTerm using_sums(const MemoryInputs& in, const Measurement& measured);

}  // namespace lrc::memory
