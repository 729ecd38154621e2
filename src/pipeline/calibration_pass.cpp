#include "lrc/pipeline/calibration_pass.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/pipeline/stage_solve.hpp"
#include "lrc/pipeline/store_sums.hpp"
#include "lrc/pipeline/stored_records.hpp"
#include "lrc/pipeline/work_costs.hpp"

namespace lrc {
namespace {

double bytes_of(const MatrixF& matrix) {
  return static_cast<double>(sizeof(float)) * static_cast<double>(matrix.size());
}

std::string number_of(Index block, const RunContext& run) {
  return fmt::format("block {} of {}", block + 1, run.model.config().blocks);
}

// Where the pass solves, the whole moments of a group are wanted on one rank.
Statistics statistics_of(const RunContext& run) {
  Statistics statistics = run.options.statistics();
  statistics.by_panels = run.memory.by_panels();
  statistics.prepared = statistics.prepared || run.options.propagates();
  return statistics;
}

}  // namespace

CalibrationPass::CalibrationPass(const RunContext& run, const WorkPlan& plan)
    : run_(run), plan_(plan), solves_(run.options.propagates()), statistics_(statistics_of(run)) {
  if (!plan.solves.empty()) end_ = plan.solves.back().block + 1;
  while (!solves_ && end_ > 0 && !wants(end_ - 1)) --end_;
  if (!solves_ && end_ > 0) next_ = stored_block_ = first_block();
  Index used = 0;
  for (Index block = next_; block < end_; ++block) used += solves_ || wants(block) ? 1 : 0;
  expect_pass(run_, {.passed = end_ - next_, .used = used});
  if (end_ == 0) return;
  run_.world.agree([&] {
    shard_ = std::make_unique<Shard>(run_.world, run_.exec, run_.model, run_.sequences, two_streams());
    if (next_ > 0) restore();
  });
}

bool CalibrationPass::wants(Index block, GroupRole stage) const {
  const std::vector<GroupLayout> groups = block_layout(run_.model.config(), block).groups();
  return std::any_of(groups.begin(), groups.end(),
                     [&](const GroupLayout& group) { return group.role == stage && plan_.is_unmeasured(group.name); });
}

bool CalibrationPass::wants(Index block) const {
  return std::any_of(kStages.begin(), kStages.end(), [&](GroupRole stage) { return wants(block, stage); });
}

// Root decides: each rank knows what was there when the job began and what it committed itself, which differs.
Index CalibrationPass::first_block() const {
  Index block = 0;
  while (!wants(block)) ++block;
  while (block > 0 && !has_all_hidden(block)) --block;
  return run_.world.broadcast(block);
}

bool CalibrationPass::has_all_hidden(Index block) const {
  bool all = run_.checkpoint.has_hidden({block, kProbeUnit});
  for (Index unit = 0; unit < unit_count(run_.sequences); ++unit)
    all = all && run_.checkpoint.has_hidden({block, unit});
  return all;
}

void CalibrationPass::restore() {
  const auto load = [&](Index unit) { return to_matrix(run_.checkpoint.load_hidden({next_, unit})); };
  shard_->restore(load, load(kProbeUnit));
  log_info(fmt::format("{} goes on at {}", kPass, number_of(next_, run_)));
}

void CalibrationPass::run(Index end) {
  for (; next_ < std::min(end, end_); ++next_) {
    run_.world.agree([&] { check_time(); });
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

void CalibrationPass::check_time() const {
  if (run_.world.is_root() && seconds_left() < slowest_block_) {
    throw Interrupted(
        "the next block would not be passed before the time limit; what is committed stays: run again to go on");
  }
}

void CalibrationPass::read_block() {
  const PhaseTimer timer(run_.report, kPass);
  enter_phase("calibrate: read a block");
  run_.world.agree([&] {
    blocks_.quantized = run_.model.block(next_);
    if (two_streams()) blocks_.original = blocks_.quantized;
  });
}

void CalibrationPass::measure_block() {
  const PhaseTimer timer(run_.report, kPass);
  const bool wanted = wants(next_);
  const double unit = 1 / static_cast<double>(std::max<std::size_t>(1, shard_->units().size()));
  const auto advance = [&] { run_.progress.advance(kPass, unit, number_of(next_, run_)); };
  std::vector<GroupSums> sums;
  enter_phase("calibrate: forward");
  run_.world.agree([&] {
    for (const GroupRole stage : kStages) {
      if (wanted) {
        for (GroupSums& group : shard_->empty_sums(blocks_, stage, statistics_)) sums.push_back(std::move(group));
      }
      shard_->pass_probe(blocks_, stage);
    }
    shard_->attend(blocks_, sums);
  });
  if (wanted) help_starved(sums);
  run_.world.agree([&] { shard_->feed_forward(blocks_, sums, advance); });
  if (shard_->units().empty()) advance();
  blocks_ = {};
  return_free_memory();
  enter_phase("calibrate: use sums");
  make_durable();  // what was committed before this block, and is likely there by now
  if (wanted) {
    store_sums(run_, plan_, next_, sums, statistics_.prepared, next_owner_);
    run_.progress.advance(kUseSums, 1, number_of(next_, run_));
  }
  if (next_ + 1 < end_ && hidden_are_worth_storing()) store_hidden(next_ + 1);
}

void CalibrationPass::solve_block() {
  constexpr double kOfABlock = 1.0 / kStages.size();
  for (const GroupRole stage : kStages) {
    const std::string of = fmt::format("{}, {}", number_of(next_, run_), stage_name(stage));
    enter_phase(stage_name(stage) + ": forward");
    if (wants(next_, stage)) {
      const PhaseTimer timer(run_.report, kPass);
      std::vector<GroupSums> sums;
      run_.world.agree([&] { sums = shard_->empty_sums(blocks_, stage, statistics_); });
      help_starved(sums);
      run_.world.agree([&] { shard_->sum(blocks_, stage, sums); });
      enter_phase(stage_name(stage) + ": use sums");
      store_sums(run_, plan_, next_, sums, statistics_.prepared, next_owner_);
    }
    run_.progress.advance(kUseSums, kOfABlock, of);
    solve_stage(run_, plan_, next_, stage, blocks_.quantized, of);
    enter_phase(stage_name(stage) + ": forward");
    const PhaseTimer timer(run_.report, kPass);
    run_.world.agree([&] { shard_->pass(blocks_, stage); });
    run_.progress.advance(kPass, kOfABlock, of);
  }
  blocks_ = {};  // not two of them at once
  return_free_memory();
  make_durable();
}

// Gives the experts that see too few tokens the moments of all, and says so. Refuses where that takes more memory than
// there is.
void CalibrationPass::help_starved(std::vector<GroupSums>& sums) const {
  std::vector<Index> tokens = shard_->routed_tokens();  // that each expert sees
  if (tokens.empty()) return;
  run_.world.sum_in_place(tokens);
  const auto seen = [&](const GroupSums& group) { return tokens[static_cast<std::size_t>(group.expert())]; };
  StarvedExperts starved;
  std::vector<GroupSums*> helped;
  for (GroupSums& group : sums) {
    if (group.expert() == kNoExpert || !group.needs_all(seen(group))) continue;
    ++starved[group.role()];
    helped.push_back(&group);
  }
  run_.world.agree([&] { run_.memory.expect(starved, next_); });  // before anything of it is allocated
  for (GroupSums* group : helped) {
    group->want_all();
    log_warning(fmt::format("{} sees {} of {} tokens, fewer than {}: its moments are blended with those of all",
                            group->group(), seen(*group), run_.sequences.count * run_.sequences.length,
                            group->enough()));
  }
}

// When all ranks have returned, what was committed is on the disk, and older hidden states are dropped.
void CalibrationPass::make_durable() {
  const PhaseTimer timer(run_.report, "calibrate: commit");
  run_.world.agree([&] { run_.checkpoint.make_durable(); });
  if (run_.world.is_root())
    run_.checkpoint.drop_hidden_before(stored_block_);
  else
    run_.checkpoint.forget_hidden_before(stored_block_);  // a later pass stores them anew
}

// What a killed run would have to do again, against the time it takes to store what saves it. All ranks decide alike.
bool CalibrationPass::hidden_are_worth_storing() const {
  constexpr double kWorth = 100;  // then they cost at most 1 % of the pass
  const double saved = run_.world.max(seconds_since(stored_at_)), price = run_.world.max(storing_seconds_);
  return saved >= kWorth * price;
}

// So that any number of ranks can go on from here.
void CalibrationPass::store_hidden(Index block) {
  PhaseTimer timer(run_.report, "calibrate: commit");
  const auto store = [&](Index unit, const MatrixF& hidden) {
    if (run_.checkpoint.has_hidden({block, unit})) return;
    run_.checkpoint.commit({block, unit}, to_store(hidden));
    timer.add_bytes(bytes_of(hidden));
  };
  run_.world.agree([&] {
    const auto start = Clock::now();
    for (const Unit& unit : shard_->units()) store(unit.number, unit.hidden);
    if (run_.world.is_root()) store(kProbeUnit, shard_->probe());
    storing_seconds_ = seconds_since(start);
  });
  stored_block_ = block;
  stored_at_ = Clock::now();
}

}  // namespace lrc
