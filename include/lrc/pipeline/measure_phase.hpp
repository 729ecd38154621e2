// The pass of the tokens through the model, block by block: each is measured as a whole; or, with --propagate
// quantized, stage by stage, each solved before the tokens go on.
#pragma once

#include <memory>

#include "lrc/calibration/shard.hpp"
#include "lrc/core/units.hpp"
#include "lrc/pipeline/moments_store.hpp"
#include "lrc/pipeline/run_log.hpp"
#include "lrc/pipeline/solve_phase.hpp"
#include "lrc/plan/memory_plan.hpp"

namespace lrc {

class MeasurePhase {
 public:
  /// Starts from the last committed hidden states that serve, or from the embeddings; where it solves, from these: what
  /// is solved already costs a forward pass again, but no sums or solves. Collective, as run() is.
  MeasurePhase(Ranks ranks, const Problem& problem, Checkpoint& store, RunLog log, const WorkPlan& plan,
               MemoryPlan& memory, SolvePhase& solve);

  /// The blocks before `end` that were not passed yet, as far as the plan needs any of them or of those behind.
  void run(Index end);

 private:
  bool two_streams() const { return problem_.options.measures_drift(); }
  bool wants(Index block, GroupRole stage) const;
  bool wants(Index block) const;
  bool has_all_hidden(Index block) const;
  Index first_block() const;
  void restore();
  void check_time() const;
  void read_block();
  void measure_block();
  void solve_block();
  void help_starved(std::vector<GroupSums>& sums) const;
  void store_hidden(Index block);
  bool hidden_are_worth_storing() const;
  void make_durable();

  std::string number() const;

  Ranks ranks_;
  const Problem& problem_;
  Checkpoint& store_;
  RunLog log_;
  const WorkPlan& plan_;
  MemoryPlan& memory_;  // is told how many experts see few tokens
  SolvePhase& solve_;
  MomentsStore moments_;
  const bool solves_;
  const Statistics statistics_;
  Index next_ = 0;  // the block that the shard's hidden states enter
  Index end_ = 0;   // nothing from here on is wanted
  std::unique_ptr<Shard> shard_;
  StreamBlocks blocks_;         // number next_
  double slowest_block_ = 0;    // seconds
  Index stored_block_ = 0;      // the last block whose incoming hidden states are committed
  double storing_seconds_ = 0;  // what committing hidden states took last
  Clock::time_point stored_at_ = Clock::now();
};

}  // namespace lrc
