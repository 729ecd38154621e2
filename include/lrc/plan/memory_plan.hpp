// What a rank will need of memory. Decides which moments are summed panel by panel, and refuses a run that would not
// fit before it starts.
#pragma once

#include "lrc/model/sequences.hpp"
#include "lrc/plan/memory_phases.hpp"

namespace lrc {

class MemoryPlan {
 public:
  MemoryPlan() = default;
  /// For ranks of which each may use `limit` bytes: the widest groups are summed by panels until the rest fits.
  /// `binding`: a run that needs more is refused; else there is a warning.
  MemoryPlan(MemoryInputs inputs, double limit, bool binding);

  const std::vector<PhaseMemory>& phases() const { return phases_; }
  /// Groups whose inputs are kept, because sums of all their channels would not fit.
  const std::set<GroupRole>& by_panels() const { return inputs_.by_panels; }
  double peak() const;

  /// Throws InputError naming the phase that does not fit and its largest term, where the limit is binding.
  void demand() const;
  /// Plans for that many starved experts, if it has not yet, and demands the memory: block `index` has them.
  void expect(const StarvedExperts& starved, Index index);

 private:
  MemoryInputs inputs_;
  double limit_ = 0;
  bool binding_ = false;
  std::vector<PhaseMemory> phases_;
};

/// Throws InputError naming the linear whose solve needs a team of more ranks than there are.
void demand_teams(const ModelConfig& model, const CalibrateOptions& options, int ranks);

/// What each rank of this host may use where --memory does not say: its share of nine tenths of the job's memory there.
double memory_of_a_rank(int ranks_on_host);

/// The most memory that this process has used so far.
double peak_memory();

/// Gives what is free in the heap back to the system, so that phases don't add up.
void return_free_memory();

}  // namespace lrc
