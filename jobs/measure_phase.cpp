#include "measure_phase.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "stored_records.hpp"

namespace lrc {
namespace {

double elements_in_bytes(Index elements) { return static_cast<double>(sizeof(float)) * static_cast<double>(elements); }

}  // namespace

MeasurePhase::MeasurePhase(const RunContext& run, const WorkPlan& plan)
    : run_(run), plan_(plan), end_(end_of_unmeasured()) {
  if (end_ == 0) return;
  next_ = first_unmeasured();
  while (next_ > 0 && !has_all_hidden(next_)) --next_;
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
    const auto start = std::chrono::steady_clock::now();
    pass_block(next_, progress);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    slowest_block_ = std::max(slowest_block_, taken.count());
  }
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
  std::vector<MomentSums> sums;
  run_.world.agree([&] {
    const Block block = run_.model.block(index);
    if (!plan_.has_unmeasured(block_layout(run_.model.config(), index))) return shard_->forward(block);
    sums = shard_->forward_and_sum(block, run_.options.moment_kind(), run_.options.quantizer(),
                                   [&] { progress.advance(1, detail); });
  });
  PhaseTimer timer(run_.report, "calibrate: reduce and commit");
  timer.add_bytes(store_moments(std::move(sums)));
  if (index + 1 < end_) timer.add_bytes(store_hidden(index + 1));
  if (run_.world.is_root()) run_.checkpoint.drop_hidden_before(index + 1);
}

// Each group's sums go to one rank, in turn, which commits them for whoever will solve. Returns the bytes this rank
// committed.
double MeasurePhase::store_moments(std::vector<MomentSums> sums) {
  std::erase_if(sums, [&](const MomentSums& group) { return !plan_.unmeasured.contains(group.group()); });
  const int ranks = run_.world.size();
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i].reduce(run_.world, static_cast<int>(i) % ranks);
  double bytes = 0;
  run_.world.agree([&] {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (run_.world.rank() != static_cast<int>(i) % ranks) continue;
      const SummedMoments moments = sums[i].result();
      run_.checkpoint.commit(to_record(sums[i].group(), moments));
      bytes += elements_in_bytes(moments.xx.size() + moments.xy.size() + moments.yy.size());
    }
  });
  return bytes;
}

// So that any number of ranks can go on from here. When all ranks have returned, all of it is committed.
double MeasurePhase::store_hidden(Index block) {
  double bytes = 0;
  const auto store = [&](Index unit, const MatrixF& hidden) {
    if (run_.checkpoint.has_hidden({block, unit})) return;
    run_.checkpoint.commit(to_record({block, unit}, hidden));
    bytes += elements_in_bytes(hidden.size());
  };
  run_.world.agree([&] {
    for (const Unit& unit : shard_->units()) store(unit.number, unit.hidden);
    if (run_.world.is_root()) store(kProbeUnit, shard_->probe());
  });
  return bytes;
}

}  // namespace lrc
