// Methods that learn, block by block (arXiv 2407.11534): the inputs of a block come from the blocks learned before it,
// its targets from the original model; activations are not quantized while it learns.
#pragma once

#include <map>
#include <string>

#include "lrc/calibration/input_range.hpp"
#include "lrc/core/units.hpp"
#include "lrc/learning/block_learner.hpp"
#include "lrc/learning/schedule.hpp"
#include "lrc/learning/streams.hpp"
#include "lrc/pipeline/ranks.hpp"
#include "lrc/pipeline/run_log.hpp"
#include "lrc/pipeline/work_plan.hpp"

namespace lrc {

class LearnPhase {
 public:
  /// Collective, as run() is.
  LearnPhase(Ranks ranks, const Problem& problem, Checkpoint& store, RunLog log, const WorkPlan& plan);

  /// All blocks that the plan has, each committed when it is learned, and its state every so often before; blocks that
  /// are committed already cost a forward pass. Goes on at the last state that all linears of a block have.
  void run();

 private:
  bool is_left(Index index) const;
  /// Of the original inputs of a block's groups, by name; none where activations have no fixed grid.
  using InputRanges = std::map<std::string, InputRange>;
  InputRanges pass_original(const Block& block);
  void learn(Index index, Block& block, const InputRanges& ranges);
  LearnedWeight start_of(const Linear& linear) const;
  double rate_of(Index step) const;
  double take_step(BlockLearner& learner, LearningSchedule& schedule, Index step) const;
  Index restore(BlockLearner& learner) const;
  bool is_worth_storing() const;
  void store(const BlockLearner& learner, Index step);
  void drop_states(const BlockLearner& learner, Index step);
  void commit(const BlockLearner& learner, const Block& block, const InputRanges& ranges,
              const nlohmann::ordered_json& facts);
  void put_committed(Block& block) const;
  void check_time() const;
  void say_what_ranks_bring() const;

  Ranks ranks_;
  const Problem& problem_;
  Checkpoint& store_;
  RunLog log_;
  const WorkPlan& plan_;
  const double rate_;  // Adam's, at the first step
  LearningStreams streams_;
  double storing_seconds_ = 0;  // what committing a state took last
  double slowest_step_ = 0;     // seconds
  Clock::time_point stored_at_ = Clock::now();
};

}  // namespace lrc
