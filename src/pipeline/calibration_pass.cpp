#include "lrc/pipeline/calibration_pass.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/core/units.hpp"
#include "lrc/pipeline/stored_records.hpp"
#include "lrc/pipeline/work_costs.hpp"

namespace lrc {
namespace {

double bytes_of(const MatrixF& matrix) {
  return static_cast<double>(sizeof(float)) * static_cast<double>(matrix.size());
}

}  // namespace

void help_starved_experts(const RunContext& run, Index index, const std::vector<ExpertGroup>& groups) {
  StarvedExperts starved;
  for (const ExpertGroup& group : groups) {
    if (group.sums.needs_all(group.tokens)) ++starved[group.role];
  }
  run.world.agree([&] { run.memory.expect(starved, index); });  // before anything of it is allocated
  const Index all = run.sequences.count * run.sequences.length;
  for (const ExpertGroup& group : groups) {
    if (!group.sums.needs_all(group.tokens)) continue;
    group.sums.want_all();
    log_warning(fmt::format("{} sees {} of {} tokens, fewer than {}: its moments are blended with those of all",
                            group.sums.group(), group.tokens, all, group.sums.enough()));
  }
}

CalibrationPass::CalibrationPass(const RunContext& run, PassWork work)
    : run_(run), work_(std::move(work)), end_(run.model.config().blocks) {
  while (end_ > 0 && !wants(end_ - 1)) --end_;
  next_ = stored_block_ = end_ > 0 ? first_block() : 0;
  Index wanted = 0;
  for (Index block = next_; block < end_; ++block) wanted += wants(block) ? 1 : 0;
  expect_pass(run_, work_.name, {.passed = end_ - next_, .used = wanted});
  if (end_ == 0) return;
  run_.world.agree([&] {
    shard_ = std::make_unique<Shard>(run_.world, run_.exec, run_.model, run_.sequences);
    if (next_ > 0) restore();
  });
}

bool CalibrationPass::wants(Index block) const { return work_.wants(block_layout(run_.model.config(), block)); }

// Root decides: each rank knows what was there when the job began and what it committed itself, which differs.
Index CalibrationPass::first_block() const {
  Index block = 0;
  while (!wants(block)) ++block;
  while (block > 0 && !has_all_hidden(block)) --block;
  const std::string told = run_.world.broadcast(std::to_string(block));
  return std::stoll(told);
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
  log_info(fmt::format("{} goes on at block {} of {}", work_.name, next_ + 1, run_.model.config().blocks));
}

void CalibrationPass::run(Index end) {
  end = std::min(end, end_);
  if (next_ >= end) return;
  const PhaseTimer timer(run_.report, work_.name);
  for (; next_ < end; ++next_) {
    run_.world.agree([&] { check_time(); });
    const auto start = Clock::now();
    pass_block(next_);
    slowest_block_ = std::max(slowest_block_, seconds_since(start));
  }
}

// When all ranks have returned, what was committed is on the disk, and older hidden states are dropped.
void CalibrationPass::make_durable() {
  const PhaseTimer timer(run_.report, work_.name + ": commit");
  run_.world.agree([&] { run_.checkpoint.make_durable(); });
  if (run_.world.is_root())
    run_.checkpoint.drop_hidden_before(stored_block_);
  else
    run_.checkpoint.forget_hidden_before(stored_block_);  // a later pass stores them anew
}

void CalibrationPass::check_time() const {
  if (run_.world.is_root() && seconds_left() < slowest_block_) {
    throw Interrupted(
        "the next block would not be measured before the time limit; what is committed stays: run again "
        "to go on");
  }
}

void CalibrationPass::pass_block(Index index) {
  const std::string detail = fmt::format("block {} of {}", index + 1, run_.model.config().blocks);
  const bool wanted = wants(index);
  const double unit = 1 / static_cast<double>(std::max<std::size_t>(1, shard_->units().size()));
  Block block;
  std::vector<GroupSums> sums;
  std::vector<Index> expert_tokens;
  enter_phase(work_.name + ": read a block");
  run_.world.agree([&] {
    block = run_.model.block(index);
    enter_phase(work_.name + ": forward");
    if (!wanted) return shard_->forward(block);
    sums = shard_->begin(block, work_.statistics);
    expert_tokens = shard_->attend(block, sums);
  });
  help_starved(index, expert_tokens, sums);
  run_.world.agree([&] {
    if (wanted) shard_->feed_forward(block, sums, [&] { run_.progress.advance(work_.name, unit, detail); });
  });
  if (!wanted || shard_->units().empty()) run_.progress.advance(work_.name, 1, detail);
  block = {};
  return_free_memory();
  enter_phase(work_.name + ": use sums");
  make_durable();  // what was committed before this block, and is likely there by now
  if (wanted) {
    work_.take(index, sums);
    run_.progress.advance(using_sums_of(work_.name), 1, detail);
  }
  if (index + 1 < end_ && hidden_are_worth_storing()) store_hidden(index + 1);
}

// `tokens`: how many of this rank's tokens go to each expert.
void CalibrationPass::help_starved(Index index, std::vector<Index>& tokens, std::vector<GroupSums>& sums) const {
  if (tokens.empty()) return;
  run_.world.sum_in_place(tokens);
  std::vector<ExpertGroup> groups;
  for (std::size_t group = 2; group < sums.size(); ++group)
    groups.push_back({sums[group], group % 2 == 0 ? GroupRole::gate_up : GroupRole::down, tokens[(group - 2) / 2]});
  help_starved_experts(run_, index, groups);
}

// What a killed run would have to do again, against the time it takes to store what saves it. All ranks decide alike.
bool CalibrationPass::hidden_are_worth_storing() const {
  constexpr double kWorth = 100;  // then they cost at most 1 % of the pass
  const double saved = run_.world.max(seconds_since(stored_at_)), price = run_.world.max(storing_seconds_);
  return saved >= kWorth * price;
}

// So that any number of ranks can go on from here.
void CalibrationPass::store_hidden(Index block) {
  PhaseTimer timer(run_.report, work_.name + ": commit");
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
