// The calibration pass: the tokens go forward block by block; moments and hidden states are committed on the way.
#pragma once

#include <memory>

#include "lrc/calibration/shard.hpp"
#include "lrc/core/log.hpp"
#include "run_context.hpp"

namespace lrc {

class MeasurePhase {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts from the last committed hidden states that serve, or from the embeddings. Collective, as run() is.
  MeasurePhase(const RunContext& run, const WorkPlan& plan);

  /// Blocks `first` to before `end`, as far as they are not measured already.
  void run(Index first, Index end);

 private:
  Index first_unmeasured() const;
  Index end_of_unmeasured() const;
  bool has_all_hidden(Index block) const;
  void restore();
  void check_time() const;
  void pass_block(Index index, Progress& progress);
  void help_starved_experts(std::vector<Index>& tokens, std::vector<GroupSums>& sums) const;
  void reduce_and_store(std::vector<GroupSums>& sums);
  void prepare_and_store(Index block, std::vector<GroupSums>& sums);
  void store(const MomentsKey& key, const SummedMoments& moments, StoredPreparation preparation);
  void store_hidden(Index block);
  bool hidden_are_worth_storing() const;
  void make_durable();

  const RunContext& run_;
  const WorkPlan& plan_;
  Index next_ = 0;      // the block that the shard's hidden states enter
  Index end_;           // nothing from here on needs measuring
  int next_owner_ = 0;  // of a panel of moments
  std::unique_ptr<Shard> shard_;
  double slowest_block_ = 0;    // seconds
  Index stored_block_ = 0;      // the last block whose incoming hidden states are committed
  double storing_seconds_ = 0;  // what committing hidden states took last
  Clock::time_point stored_at_ = Clock::now();
};

}  // namespace lrc
