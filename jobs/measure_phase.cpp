#include "measure_phase.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "prepare_phase.hpp"

namespace lrc {
namespace {

double bytes_of(const MatrixF& matrix) {
  return static_cast<double>(sizeof(float)) * static_cast<double>(matrix.size());
}

double seconds_since(MeasurePhase::Clock::time_point start) {
  return std::chrono::duration<double>(MeasurePhase::Clock::now() - start).count();
}

}  // namespace

MeasurePhase::MeasurePhase(const RunContext& run, const WorkPlan& plan)
    : run_(run), plan_(plan), end_(end_of_unmeasured()) {
  if (end_ == 0) return;
  next_ = first_unmeasured();
  while (next_ > 0 && !has_all_hidden(next_)) --next_;
  stored_block_ = next_;
  run_.world.agree([&] {
    shard_ = std::make_unique<Shard>(run_.world, run_.pool, run_.model, run_.sequences);
    if (next_ > 0) restore();
  });
}

Index MeasurePhase::first_unmeasured() const {
  Index block = 0;
  while (!plan_.has_unmeasured(block_layout(run_.model.config(), block))) ++block;
  return block;
}

Index MeasurePhase::end_of_unmeasured() const {
  Index end = run_.model.config().blocks;
  while (end > 0 && !plan_.has_unmeasured(block_layout(run_.model.config(), end - 1))) --end;
  return end;
}

bool MeasurePhase::has_all_hidden(Index block) const {
  bool all = run_.checkpoint.has_hidden({block, kProbeUnit});
  for (Index unit = 0; unit < unit_count(run_.sequences); ++unit)
    all = all && run_.checkpoint.has_hidden({block, unit});
  return all;
}

void MeasurePhase::restore() {
  const auto load = [&](Index unit) { return to_matrix(run_.checkpoint.load_hidden({next_, unit})); };
  shard_->restore(load, load(kProbeUnit));
  log_info(fmt::format("calibration goes on at block {} of {}", next_ + 1, run_.model.config().blocks));
}

void MeasurePhase::run(Index first, Index end) {
  end = std::min(end, end_);
  if (next_ >= end) return;
  const PhaseTimer timer(run_.report, "calibrate");
  const auto units = static_cast<double>(std::max<std::size_t>(1, shard_->units().size()));
  Progress progress("calibrate", static_cast<double>(end - std::max(first, next_)) * units);
  for (; next_ < end; ++next_) {
    run_.world.agree([&] { check_time(); });
    const auto start = Clock::now();
    pass_block(next_, progress);
    slowest_block_ = std::max(slowest_block_, seconds_since(start));
  }
}

// When all ranks have returned, what was committed is on the disk, and older hidden states are dropped.
void MeasurePhase::make_durable() {
  const PhaseTimer timer(run_.report, "calibrate: commit");
  run_.world.agree([&] { run_.checkpoint.make_durable(); });
  if (run_.world.is_root()) run_.checkpoint.drop_hidden_before(stored_block_);
}

void MeasurePhase::check_time() const {
  if (run_.world.is_root() && seconds_left() < slowest_block_) {
    throw Interrupted(
        "the next block would not be measured before the time limit; what is committed stays: run again "
        "to go on");
  }
}

void MeasurePhase::pass_block(Index index, Progress& progress) {
  const std::string detail = fmt::format("block {} of {}", index + 1, run_.model.config().blocks);
  const bool measured = plan_.has_unmeasured(block_layout(run_.model.config(), index));
  Statistics statistics = run_.options.statistics();
  statistics.by_panels = run_.memory.by_panels;
  Block block;
  std::vector<GroupSums> sums;
  std::vector<Index> expert_tokens;
  run_.world.agree([&] {
    block = run_.model.block(index);
    if (!measured) return shard_->forward(block);
    sums = shard_->begin(block, statistics);
    expert_tokens = shard_->attend(block, sums);
  });
  help_starved_experts(expert_tokens, sums);
  run_.world.agree([&] {
    if (measured) shard_->feed_forward(block, sums, [&] { progress.advance(1, detail); });
  });
  make_durable();  // what was committed before this block, and is likely there by now
  if (statistics.prepared) {
    prepare_and_store(index, sums);
  } else {
    reduce_and_store(sums);
  }
  if (index + 1 < end_ && hidden_are_worth_storing()) store_hidden(index + 1);
}

// `tokens`: how many of this rank's tokens go to each expert.
void MeasurePhase::help_starved_experts(std::vector<Index>& tokens, std::vector<GroupSums>& sums) const {
  if (tokens.empty()) return;
  run_.world.sum_in_place(tokens);
  const Index all = run_.sequences.count * run_.sequences.length;
  for (std::size_t group = 2; group < sums.size(); ++group) {
    const Index seen = tokens[(group - 2) / 2];
    if (!sums[group].needs_all(seen)) continue;
    sums[group].want_all();
    log_warning(fmt::format("{} sees {} of {} tokens, fewer than {}: its moments are blended with those of all",
                            sums[group].group(), seen, all, sums[group].enough()));
  }
}

// Panel by panel, each to another rank, which commits it for whoever will solve.
void MeasurePhase::reduce_and_store(std::vector<GroupSums>& sums) {
  for (GroupSums& each : sums) {
    GroupSums group = std::move(each);  // gone when its panels are stored
    for (Index panel = 0; panel < group.panels().count(); ++panel) {
      if (!plan_.unmeasured.contains({group.group(), panel})) continue;
      const int owner = next_owner_;
      next_owner_ = (next_owner_ + 1) % run_.world.size();
      run_.world.agree([&] { group.sum(run_.pool, panel); });
      group.reduce(run_.world, owner, panel);
      run_.world.agree([&] {
        if (run_.world.rank() == owner) store({group.group(), panel}, group.result(panel), {});
      });
    }
  }
}

void MeasurePhase::prepare_and_store(Index block, std::vector<GroupSums>& sums) {
  if (sums.empty()) return;
  const std::vector<PreparedMoments> prepared = prepare_groups(run_, block, sums, next_owner_);
  next_owner_ = (next_owner_ + static_cast<int>(sums.size())) % run_.world.size();
  run_.world.agree([&] {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (run_.world.rank() != prepared[i].owner) continue;
      for (Index panel = 0; panel < sums[i].panels().count(); ++panel) {
        const MomentsKey key{sums[i].group(), panel};
        if (!plan_.unmeasured.contains({key.group, panel})) continue;
        store(key, panel_of(prepared[i].moments, sums[i].panels().rows(panel)),
              panel == 0 ? to_stored(prepared[i].preparation) : StoredPreparation{});
      }
    }
  });
}

void MeasurePhase::store(const MomentsKey& key, const SummedMoments& moments, StoredPreparation preparation) {
  PhaseTimer timer(run_.report, "calibrate: commit");
  MomentsToStore record = to_store(moments);
  record.preparation = std::move(preparation);
  run_.checkpoint.commit(key, record);
  timer.add_bytes(bytes_of(moments.xx) + bytes_of(moments.xy) + bytes_of(moments.yy));
}

// What a killed run would have to do again, against the time it takes to store what saves it. All ranks decide alike.
bool MeasurePhase::hidden_are_worth_storing() const {
  constexpr double kWorth = 100;  // then they cost at most 1 % of the pass
  const double saved = run_.world.max(seconds_since(stored_at_)), price = run_.world.max(storing_seconds_);
  return saved >= kWorth * price;
}

// So that any number of ranks can go on from here.
void MeasurePhase::store_hidden(Index block) {
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
