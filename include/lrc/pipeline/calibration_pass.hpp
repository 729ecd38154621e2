// A pass of the tokens through the model, block by block: measured as a whole, from the last committed hidden states
// on; or stage by stage, each solved before the tokens go on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "lrc/calibration/shard.hpp"
#include "lrc/pipeline/run_context.hpp"

namespace lrc {

/// What a pass is for.
struct PassWork {
  std::string name;       ///< as its progress is shown
  Index end;              ///< no block from here on need be passed
  Statistics statistics;  ///< what is summed in the blocks, or stages, of which it wants a group
  std::function<bool(const std::string& group)> wants;
  /// Takes a block's or a stage's sums of this rank, which are not reduced yet. Collective.
  std::function<void(Index block, std::vector<GroupSums>& sums)> take;
  /// Where it is given: puts the solved groups of a stage into the block; `of` says where they belong. Collective.
  std::function<void(Index block, GroupRole stage, Block& quantized, const std::string& of)> solve{};
};

class CalibrationPass {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts from the last committed hidden states that serve, or from the embeddings, as a pass that solves does:
  /// its hidden states follow from the solves, and are not committed. Collective, as run() is.
  CalibrationPass(const RunContext& run, PassWork work);

  /// The blocks before `end` that were not passed yet, as far as the work wants any of them or of those behind.
  void run(Index end);

 private:
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
  void take(std::vector<GroupSums>& sums);
  void store_hidden(Index block);
  bool hidden_are_worth_storing() const;
  void make_durable();

  const RunContext& run_;
  PassWork work_;
  Index next_ = 0;  // the block that the shard's hidden states enter
  Index end_;       // nothing from here on is wanted
  std::unique_ptr<Shard> shard_;
  StreamBlocks blocks_;         // number next_
  double slowest_block_ = 0;    // seconds
  Index stored_block_ = 0;      // the last block whose incoming hidden states are committed
  double storing_seconds_ = 0;  // what committing hidden states took last
  Clock::time_point stored_at_ = Clock::now();
};

}  // namespace lrc
