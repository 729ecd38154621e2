// What a rank holds of memory in each phase of a run, from sizes alone: the formulas of the README.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "calibrate_options.hpp"

namespace lrc {

struct MemoryTerm {
  std::string name;
  double bytes;
};

/// The terms of a phase, which are all there at once.
struct PhaseMemory {
  std::string phase;
  std::vector<MemoryTerm> terms;

  double bytes() const;
};

/// Of a block, how many experts see so few tokens that the moments of all are summed for them, too.
using StarvedExperts = std::map<GroupRole, Index>;

/// What the sizes of a run follow from.
struct MemoryInputs {
  ModelConfig model;
  CalibrateOptions options;
  Index sequences = 0;
  int ranks = 1, threads = 1;
  std::set<GroupRole> by_panels{};  ///< groups whose moments are summed panel by panel
  StarvedExperts starved{};         ///< of the block that has most
};

/// How many experts see too few tokens where they share them evenly: all or none.
StarvedExperts evenly_starved(const MemoryInputs& inputs);

/// The phases that measure, for which groups may be summed by panels; and all.
std::vector<PhaseMemory> measuring_phases(const MemoryInputs& inputs);
std::vector<PhaseMemory> memory_phases(const MemoryInputs& inputs);

/// 1.5 GiB
std::string bytes_text(double bytes);

}  // namespace lrc
