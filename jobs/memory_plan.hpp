// What a rank will need of memory, from sizes alone: the formula of the README. Decides which moments are summed panel
// by panel, and refuses a run that would not fit before it starts.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "calibrate_options.hpp"
#include "lrc/model/sequences.hpp"

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

struct MemoryPlan {
  std::vector<PhaseMemory> phases;
  std::set<GroupRole> by_panels;  ///< groups whose inputs are kept, because sums of all their channels would not fit

  double peak() const;

  /// For ranks of which each may use `limit` bytes.
  static MemoryPlan of(const ModelConfig& model, const CalibrateOptions& options, Index sequences, int ranks,
                       int threads, double limit);

  /// Throws InputError naming the phase that does not fit and its terms.
  void demand(double limit) const;
};

/// Throws InputError naming the linear whose solve needs a group of more ranks than there are.
void demand_groups(const ModelConfig& model, const CalibrateOptions& options, int ranks);

/// What each rank of this host may use where --memory does not say: its share of nine tenths of the memory of the host,
/// or of the job's control group.
double memory_of_a_rank(int ranks_on_host);

/// The most memory that this process has used so far.
double peak_memory();

/// 1.5 GiB
std::string bytes_text(double bytes);

}  // namespace lrc
