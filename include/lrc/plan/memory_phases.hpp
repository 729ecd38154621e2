// What a rank holds of memory in each phase of a run, from sizes alone: the formulas of the README.
#pragma once

#include <string>
#include <vector>

#include "lrc/plan/memory_sizes.hpp"

namespace lrc {

/// The terms of a phase, which are all there at once.
struct PhaseMemory {
  std::string phase;
  std::vector<MemoryTerm> terms;

  double bytes() const;
};

/// What a stage of --propagate quantized is called; its phases are ": forward", ": use sums" and ": solve" of that.
std::string stage_name(GroupRole stage);

/// How many experts see too few tokens where they share them evenly: all or none.
StarvedExperts evenly_starved(const MemoryInputs& inputs);

/// The phases that measure, for which groups may be summed by panels; and all.
std::vector<PhaseMemory> measuring_phases(const MemoryInputs& inputs);
std::vector<PhaseMemory> memory_phases(const MemoryInputs& inputs);

}  // namespace lrc
