#include "lrc/pipeline/measure_phase.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/pipeline/work_costs.hpp"

namespace lrc {
namespace {

double bytes_of(const MatrixF& matrix) {
  return static_cast<double>(sizeof(float)) * static_cast<double>(matrix.size());
}

// Where the pass solves, the whole moments of a group are wanted on one rank.
Statistics statistics_of(const CalibrateOptions& options, const MemoryPlan& memory) {
  Statistics statistics = options.statistics();
  statistics.by_panels = memory.by_panels();
  statistics.prepared = statistics.prepared || options.propagates();
  return statistics;
}

}  // namespace

MeasurePhase::MeasurePhase(Ranks ranks, const Problem& problem, Checkpoint& store, RunLog log, const WorkPlan& plan,
                           MemoryPlan& memory, SolvePhase& solve)
    : ranks_(ranks),
      problem_(problem),
      store_(store),
      log_(log),
      plan_(plan),
      memory_(memory),
      solve_(solve),
      moments_(ranks, problem, store, log.report, plan),
      solves_(problem.options.propagates()),
      statistics_(statistics_of(problem.options, memory)) {
  if (!plan.solves.empty()) end_ = plan.solves.back().block + 1;
  while (!solves_ && end_ > 0 && !wants(end_ - 1)) --end_;
  if (!solves_ && end_ > 0) next_ = stored_block_ = first_block();
  Index used = 0;
  for (Index block = next_; block < end_; ++block) used += solves_ || wants(block) ? 1 : 0;
  expect_pass(log_.progress, problem_, ranks_.world.size(), {.passed = end_ - next_, .used = used});
  if (end_ == 0) return;
  ranks_.world.agree([&] {
    shard_ = std::make_unique<Shard>(ranks_.world, ranks_.exec, problem_.model, problem_.sequences, two_streams());
    if (next_ > 0) restore();
  });
}

std::string MeasurePhase::number() const { return fmt::format("block {} of {}", next_ + 1, problem_.blocks()); }

bool MeasurePhase::wants(Index block, GroupRole stage) const {
  const std::vector<GroupLayout> groups = block_layout(problem_.model.config(), block).groups();
  return std::any_of(groups.begin(), groups.end(),
                     [&](const GroupLayout& group) { return group.role == stage && plan_.is_unmeasured(group.name); });
}

bool MeasurePhase::wants(Index block) const {
  return std::any_of(kStages.begin(), kStages.end(), [&](GroupRole stage) { return wants(block, stage); });
}

// Root decides: each rank knows what was there when the job began and what it committed itself, which differs.
Index MeasurePhase::first_block() const {
  Index block = 0;
  while (!wants(block)) ++block;
  while (block > 0 && !has_all_hidden(block)) --block;
  return ranks_.world.broadcast(block);
}

bool MeasurePhase::has_all_hidden(Index block) const {
  bool all = store_.has_hidden({block, kProbeUnit});
  for (Index unit = 0; unit < unit_count(problem_.sequences); ++unit) all = all && store_.has_hidden({block, unit});
  return all;
}

void MeasurePhase::restore() {
  const auto load = [&](Index unit) { return store_.load_hidden({next_, unit}); };
  shard_->restore(load, load(kProbeUnit));
  log_info(fmt::format("{} goes on at {}", kPass, number()));
}

void MeasurePhase::run(Index end) {
  for (; next_ < std::min(end, end_); ++next_) {
    ranks_.world.agree([&] { check_time(); });
    const auto start = Clock::now();
    read_block();
    if (solves_) {
      solve_block();
    } else {
      measure_block();
    }
    slowest_block_ = std::max(slowest_block_, seconds_since(start));
  }
}

void MeasurePhase::check_time() const {
  if (ranks_.world.is_root() && seconds_left() < slowest_block_) {
    throw Interrupted(
        "the next block would not be passed before the time limit; what is committed stays: run again to go on");
  }
}

void MeasurePhase::read_block() {
  const PhaseTimer timer(log_.report, kPass);
  enter_phase("calibrate: read a block");
  ranks_.world.agree([&] {
    blocks_.quantized = problem_.model.block(next_);
    if (two_streams()) blocks_.original = blocks_.quantized;
    if (solves_) blocks_.quantized.kv = kv_quantizer(problem_.options.kv_bits);
  });
}

void MeasurePhase::measure_block() {
  const PhaseTimer timer(log_.report, kPass);
  const bool wanted = wants(next_);
  const double unit = 1 / static_cast<double>(std::max<std::size_t>(1, shard_->units().size()));
  const auto advance = [&] { log_.progress.advance(kPass, unit, number()); };
  std::vector<GroupSums> sums;
  enter_phase("calibrate: forward");
  ranks_.world.agree([&] {
    for (const GroupRole stage : kStages) {
      if (wanted) {
        for (GroupSums& group : shard_->empty_sums(blocks_, stage, statistics_)) sums.push_back(std::move(group));
      }
      shard_->pass_probe(blocks_, stage);
    }
    shard_->attend(blocks_, sums);
  });
  if (wanted) help_starved(sums);
  ranks_.world.agree([&] { shard_->feed_forward(blocks_, sums, advance); });
  if (shard_->units().empty()) advance();
  blocks_ = {};
  return_free_memory();
  enter_phase("calibrate: use sums");
  make_durable();  // what was committed before this block, and is likely there by now
  if (wanted) {
    moments_.take(next_, sums, statistics_.prepared);
    log_.progress.advance(kUseSums, 1, number());
  }
  if (next_ + 1 < end_ && hidden_are_worth_storing()) store_hidden(next_ + 1);
}

void MeasurePhase::solve_block() {
  constexpr double kOfABlock = 1.0 / kStages.size();
  for (const GroupRole stage : kStages) {
    const std::string of = fmt::format("{}, {}", number(), stage_name(stage));
    enter_phase(stage_name(stage) + ": forward");
    if (wants(next_, stage)) {
      const PhaseTimer timer(log_.report, kPass);
      std::vector<GroupSums> sums;
      ranks_.world.agree([&] { sums = shard_->empty_sums(blocks_, stage, statistics_); });
      help_starved(sums);
      ranks_.world.agree([&] { shard_->sum(blocks_, stage, sums); });
      enter_phase(stage_name(stage) + ": use sums");
      moments_.take(next_, sums, statistics_.prepared);
    }
    log_.progress.advance(kUseSums, kOfABlock, of);
    solve_.run(next_, stage, blocks_.quantized, of);
    enter_phase(stage_name(stage) + ": forward");
    const PhaseTimer timer(log_.report, kPass);
    ranks_.world.agree([&] { shard_->pass(blocks_, stage); });
    log_.progress.advance(kPass, kOfABlock, of);
  }
  blocks_ = {};  // not two of them at once
  return_free_memory();
  make_durable();
}

// Gives the experts that see too few tokens the moments of all, and says so. Refuses where that takes more memory than
// there is.
void MeasurePhase::help_starved(std::vector<GroupSums>& sums) const {
  std::vector<Index> tokens = shard_->routed_tokens();  // that each expert sees
  if (tokens.empty()) return;
  ranks_.world.sum_in_place(tokens);
  const auto seen = [&](const GroupSums& group) { return tokens[static_cast<std::size_t>(group.expert())]; };
  StarvedExperts starved;
  std::vector<GroupSums*> helped;
  for (GroupSums& group : sums) {
    if (group.expert() == kNoExpert || !group.needs_all(seen(group))) continue;
    ++starved[group.role()];
    helped.push_back(&group);
  }
  ranks_.world.agree([&] { memory_.expect(starved, next_); });  // before anything of it is allocated
  for (GroupSums* group : helped) {
    group->want_all();
    log_warning(fmt::format("{} sees {} of {} tokens, fewer than {}: its moments are blended with those of all",
                            group->group(), seen(*group), problem_.sequences.count * problem_.sequences.length,
                            group->enough()));
  }
}

// When all ranks have returned, what was committed is on the disk, and older hidden states are dropped.
void MeasurePhase::make_durable() {
  const PhaseTimer timer(log_.report, "calibrate: commit");
  ranks_.world.agree([&] { store_.make_durable(); });
  if (ranks_.world.is_root())
    store_.drop_hidden_before(stored_block_);
  else
    store_.forget_hidden_before(stored_block_);  // a later pass stores them anew
}

// What a killed run would have to do again, against the time it takes to store what saves it. All ranks decide alike.
bool MeasurePhase::hidden_are_worth_storing() const {
  constexpr double kWorth = 100;  // then they cost at most 1 % of the pass
  const double saved = ranks_.world.max(seconds_since(stored_at_)), price = ranks_.world.max(storing_seconds_);
  return saved >= kWorth * price;
}

// So that any number of ranks can go on from here.
void MeasurePhase::store_hidden(Index block) {
  PhaseTimer timer(log_.report, "calibrate: commit");
  const auto store = [&](Index unit, const MatrixF& hidden) {
    if (store_.has_hidden({block, unit})) return;
    store_.commit({block, unit}, hidden);
    timer.add_bytes(bytes_of(hidden));
  };
  ranks_.world.agree([&] {
    const auto start = Clock::now();
    for (const Unit& unit : shard_->units()) store(unit.number, unit.hidden);
    if (ranks_.world.is_root()) store(kProbeUnit, shard_->probe());
    storing_seconds_ = seconds_since(start);
  });
  stored_block_ = block;
  stored_at_ = Clock::now();
}

}  // namespace lrc
