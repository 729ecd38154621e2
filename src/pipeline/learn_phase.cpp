#include "lrc/pipeline/learn_phase.hpp"

#include <algorithm>
#include <set>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/pipeline/shared_commits.hpp"
#include "lrc/pipeline/work_costs.hpp"
#include "lrc/plan/memory_plan.hpp"

namespace lrc {
namespace {

const LinearGroup& group_of(const Block& block, const std::string& linear) {
  for (const GroupRole stage : kStages) {
    for (const LinearGroup* group : stage_groups(block, stage)) {
      for (const Linear& one : group->linears) {
        if (one.name == linear) return *group;
      }
    }
  }
  throw Error(fmt::format("{} is no linear of its block", linear));
}

VectorF as_vector(const InputRange& range) { return (VectorF(2) << range.lowest, range.highest).finished(); }

// Steps that all of them have a state of: the last, or 0.
Index last_common_step(const Checkpoint& store, const std::vector<std::string>& names) {
  std::set<Index> common{0};
  bool first = true;
  for (const std::string& name : names) {
    std::set<Index> both{0};
    for (const Index step : store.learning_steps(name)) {
      if (first || common.contains(step)) both.insert(step);
    }
    common = std::move(both);
    first = false;
  }
  return *common.rbegin();
}

}  // namespace

LearnPhase::LearnPhase(Ranks ranks, const Problem& problem, Checkpoint& store, RunLog log, const WorkPlan& plan)
    : ranks_(ranks),
      problem_(problem),
      store_(store),
      log_(log),
      plan_(plan),
      rate_(problem.options.learning_rate(problem.model.config())),
      streams_(ranks.world, ranks.exec, problem.model, problem.sequences) {}

bool LearnPhase::is_left(Index index) const {
  return std::any_of(plan_.solves.begin(), plan_.solves.end(),
                     [&](const SolveTask& task) { return task.block == index; });
}

void LearnPhase::run() {
  if (plan_.solves.empty()) return;
  say_what_ranks_bring();
  const Index end = plan_.solves.back().block + 1;
  for (Index index = 0; index < end; ++index) {
    const PhaseTimer timer(log_.report, "learn");
    Block block;
    ranks_.world.agree([&] {
      enter_phase("learn: read a block");
      block = problem_.model.block(index);
    });
    const InputRanges ranges = pass_original(block);
    if (is_left(index)) {
      learn(index, block, ranges);
    } else {
      ranks_.world.agree([&] {
        put_committed(block);
        streams_.pass_quantized(block);
      });
    }
    return_free_memory();
  }
}

// Returns the ranges of the inputs of all groups, over all ranks, where they are wanted.
LearnPhase::InputRanges LearnPhase::pass_original(const Block& block) {
  const bool wanted = problem_.options.has_measured_range();
  InputRanges ranges;
  if (wanted) {
    for (const GroupRole stage : kStages) {
      for (const LinearGroup* group : stage_groups(block, stage)) ranges[group->name] = {};
    }
  }
  ranks_.world.agree([&] {
    enter_phase("learn: forward");
    Observer observe;
    if (wanted)
      observe.inputs = [&](const LinearGroup& group, const ConstViewF& x) {
        ranges[group.name].include(ranks_.exec, x);
      };
    streams_.pass_original(block, observe);
  });
  for (auto& [group, range] : ranges) range = range_of_all(ranks_.world, range);
  return ranges;
}

void LearnPhase::learn(Index index, Block& block, const InputRanges& ranges) {
  const auto start = Clock::now();
  const CalibrateOptions& o = problem_.options;
  BlockLearner learner(ranks_.world, streams_.context(), block,
                       [this](const Linear& linear) { return start_of(linear); });
  const double before = streams_.relative_error(block);
  LearningSchedule schedule({problem_.sequences.count, o.learn_batch, o.learn_steps}, o.seed, index);
  for (Index step = restore(learner); step < schedule.steps(); ++step) {
    enter_phase("learn");
    ranks_.world.agree([&] { check_time(); });
    const auto step_start = Clock::now();
    const double loss = take_step(learner, schedule, step);
    slowest_step_ = std::max(slowest_step_, seconds_since(step_start));
    log_.progress.advance(kLearn, 1 / static_cast<double>(schedule.steps()),
                          fmt::format("block {} of {}, step {} of {}, loss {:.4g}, rate {:.2g}", index + 1,
                                      problem_.blocks(), step + 1, schedule.steps(), loss, rate_of(step)));
    if (step + 1 < schedule.steps() && is_worth_storing()) store(learner, step + 1);
  }
  enter_phase("learn: forward");
  ranks_.world.agree([&] { streams_.pass_quantized(block); });
  const double error = streams_.relative_error();
  const std::string what =
      fmt::format("block {} of {}: relative error {:.3e} to {:.3e}", index + 1, problem_.blocks(), before, error);
  log_info(what);
  if (error > before) log_warning(what + ", worse than rounded to nearest; take a lower --learn-rate");
  commit(learner, block, ranges,
         {{"losses", nlohmann::ordered_json::array({{{"block_error", error}}})},
          {"steps", o.learn_steps},
          {"seconds", seconds_since(start)}});
}

// For the owner of a linear.
LearnedWeight LearnPhase::start_of(const Linear& linear) const {
  const CalibrateOptions& o = problem_.options;
  const MatrixF& weight = linear.weight;
  const Index rank = o.scale_rank(weight.rows(), weight.cols());
  FittedGrid start = fit_grid(ranks_.exec, weight.cast<double>(), o.grid());
  if (form_of_rank(weight.rows(), weight.cols(), rank) == LearnedForm::full)
    return LearnedWeight::full(weight, o.grid().bits, std::move(start));
  return LearnedWeight::low_rank(weight, o.grid().bits, std::move(start),
                                 initial_u2(rank, weight.cols(), static_cast<std::uint64_t>(o.seed), linear.name));
}

double LearnPhase::rate_of(Index step) const { return cosine_rate(rate_, step + 1, problem_.options.learn_steps); }

double LearnPhase::take_step(BlockLearner& learner, LearningSchedule& schedule, Index step) const {
  const std::vector<Index> batch = schedule.batch(step);
  std::vector<Example> mine;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const int worker = static_cast<int>(i) % ranks_.world.size();
    Example example = streams_.example(batch[i], worker);
    if (worker == ranks_.world.rank()) mine.push_back(std::move(example));
  }
  return learner.step(mine, schedule.batch(), rate_of(step));
}

// The states of all linears of a block at one step.
Index LearnPhase::restore(BlockLearner& learner) const {
  const Index step = last_common_step(store_, learner.names());
  if (step == 0) return 0;
  ranks_.world.agree([&] {
    for (const std::string& name : learner.own_names()) learner.restore(name, store_.load_learning({name, step}), step);
  });
  learner.put_values();
  log_info(fmt::format("learning goes on at step {} of {}", step, problem_.options.learn_steps));
  return step;
}

// What a killed run would have to do again, against the time it takes to store what saves it. All ranks decide alike.
bool LearnPhase::is_worth_storing() const {
  constexpr double kWorth = 100;                                               // then it costs at most 1 % of learning
  std::array<double, 2> seconds{seconds_since(stored_at_), storing_seconds_};  // saved, price
  ranks_.world.max_in_place(seconds);
  return seconds[0] >= kWorth * seconds[1];
}

void LearnPhase::store(const BlockLearner& learner, Index step) {
  const PhaseTimer timer(log_.report, "learn: commit");
  const auto start = Clock::now();
  enter_phase("learn: commit");
  ranks_.world.agree([&] {
    for (const std::string& name : learner.own_names()) store_.commit(LearningKey{name, step}, learner.state(name));
    store_.make_durable();
  });
  share_commits(ranks_.world, store_);
  drop_states(learner, step);
  storing_seconds_ = seconds_since(start);
  stored_at_ = Clock::now();
}

// Those of earlier steps.
void LearnPhase::drop_states(const BlockLearner& learner, Index step) {
  ranks_.world.agree([&] {
    for (const std::string& name : learner.names()) {
      if (ranks_.world.is_root())
        store_.drop_learning_before({name, step});
      else
        store_.forget_learning_before({name, step});
    }
  });
}

void LearnPhase::commit(const BlockLearner& learner, const Block& block, const InputRanges& ranges,
                        const nlohmann::ordered_json& facts) {
  const PhaseTimer timer(log_.report, "learn: commit");
  enter_phase("learn: commit");
  ranks_.world.agree([&] {
    for (const std::string& name : learner.own_names()) {
      QuantizedWeight weight = learner.quantized(name);
      SolveRecord record{.name = name, .stack = {}, .facts = facts};
      record.stack.codes = std::move(weight.codes);
      record.stack.scales = std::move(weight.scales);
      record.stack.zero_points = std::move(weight.zero_points);
      if (!ranges.empty()) record.stack.input_range = as_vector(ranges.at(group_of(block, name).name));
      store_.commit(record);
    }
  });
  share_commits(ranks_.world, store_);
  drop_states(learner, problem_.options.learn_steps + 1);
}

void LearnPhase::put_committed(Block& block) const {
  for (Linear* linear : linears_of(block)) {
    const QuantizedStack stack = store_.load_solve(linear->name).stack;
    linear->weight = dequantized(stack.codes, stack.scales, stack.zero_points, problem_.options.weight_group_size);
  }
}

void LearnPhase::check_time() const {
  if (ranks_.world.is_root() && seconds_left() < slowest_step_)
    throw Interrupted(
        "the next step would not be done before the time limit; what is committed stays: run again to go on");
}

void LearnPhase::say_what_ranks_bring() const {
  const int ranks = ranks_.world.size();
  const Index batch = std::min(problem_.options.learn_batch, problem_.sequences.count);
  if (ranks == 1) return;
  const double faster = learning_step_cost(problem_, 1) / learning_step_cost(problem_, ranks);
  log_info(
      fmt::format("learning: {} of {} ranks pass the {} sequences of a step, all have linears to learn: about {:.1f} "
                  "times as fast as one rank",
                  std::min<Index>(ranks, batch), ranks, batch, faster));
}

}  // namespace lrc
