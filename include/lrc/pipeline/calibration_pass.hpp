// The pass of the tokens through the model, block by block: each is measured as a whole; or, with --propagate
// quantized, stage by stage, each solved before the tokens go on.
#pragma once

#include <memory>

#include "lrc/calibration/shard.hpp"
#include "lrc/core/units.hpp"
#include "lrc/pipeline/run_context.hpp"

namespace lrc {

class CalibrationPass {
 public:
  /// Starts from the last committed hidden states that serve, or from the embeddings; where it solves, from these: what
  /// is solved already costs a forward pass again, but no sums or solves. Collective, as run() is.
  CalibrationPass(const RunContext& run, const WorkPlan& plan);

  /// The blocks before `end` that were not passed yet, as far as the plan needs any of them or of those behind.
  void run(Index end);

 private:
  bool two_streams() const { return solves_ && run_.options.target_blend > 0; }
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

  const RunContext& run_;
  const WorkPlan& plan_;
  const bool solves_;
  const Statistics statistics_;
  Index next_ = 0;  // the block that the shard's hidden states enter
  Index end_ = 0;   // nothing from here on is wanted
  std::unique_ptr<Shard> shard_;
  StreamBlocks blocks_;         // number next_
  int next_owner_ = 0;          // of a group's moments, or of a panel of them
  double slowest_block_ = 0;    // seconds
  Index stored_block_ = 0;      // the last block whose incoming hidden states are committed
  double storing_seconds_ = 0;  // what committing hidden states took last
  Clock::time_point stored_at_ = Clock::now();
};

}  // namespace lrc
