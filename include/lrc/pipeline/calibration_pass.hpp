// A pass of the tokens through the model, block by block, from the last committed hidden states on.
#pragma once

#include <functional>
#include <memory>

#include "lrc/calibration/shard.hpp"
#include "lrc/core/log.hpp"
#include "lrc/pipeline/run_context.hpp"

namespace lrc {

/// What a pass is for.
struct PassWork {
  std::string name;       ///< as its progress is shown
  Statistics statistics;  ///< what is summed in the blocks that it wants
  std::function<bool(const BlockLayout&)> wants;
  /// Takes a block's sums of this rank, which are not reduced yet. Collective.
  std::function<void(Index block, std::vector<GroupSums>& sums)> take;
};

/// A group of an expert, and how many tokens of all ranks reach it.
struct ExpertGroup {
  GroupSums& sums;
  GroupRole role;
  Index tokens;
};

/// Gives the experts of block `index` that see too few tokens the moments of all, and says so. Refuses where that takes
/// more memory than there is. Collective.
void help_starved_experts(const RunContext& run, Index index, const std::vector<ExpertGroup>& groups);

class CalibrationPass {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts from the last committed hidden states that serve, or from the embeddings. Collective, as run() is.
  CalibrationPass(const RunContext& run, PassWork work);

  /// The blocks before `end` that were not passed yet, as far as the work wants any of them or of those behind.
  void run(Index end);

 private:
  bool wants(Index block) const;
  bool has_all_hidden(Index block) const;
  Index first_block() const;
  void restore();
  void check_time() const;
  void pass_block(Index index);
  void help_starved(Index index, std::vector<Index>& tokens, std::vector<GroupSums>& sums) const;
  void store_hidden(Index block);
  bool hidden_are_worth_storing() const;
  void make_durable();

  const RunContext& run_;
  PassWork work_;
  Index next_ = 0;  // the block that the shard's hidden states enter
  Index end_ = 0;   // nothing from here on is wanted
  std::unique_ptr<Shard> shard_;
  double slowest_block_ = 0;    // seconds
  Index stored_block_ = 0;      // the last block whose incoming hidden states are committed
  double storing_seconds_ = 0;  // what committing hidden states took last
  Clock::time_point stored_at_ = Clock::now();
};

}  // namespace lrc
