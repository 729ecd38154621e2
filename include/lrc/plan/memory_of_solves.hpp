// What a rank holds of memory in a solve.
#pragma once

#include "lrc/plan/memory_sizes.hpp"

namespace lrc::memory {

/// The largest solve among the groups of linears of these roles.
MemoryTerm largest_solve(const MemoryInputs& in, const std::set<GroupRole>& roles);

}  // namespace lrc::memory
