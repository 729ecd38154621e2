#include "measure_phase.hpp"

#include "prepare_phase.hpp"

namespace lrc {
namespace {

double bytes_of(const MatrixF& matrix) {
  return static_cast<double>(sizeof(float)) * static_cast<double>(matrix.size());
}

}  // namespace

MeasurePhase::MeasurePhase(const RunContext& run, const WorkPlan& plan) : run_(run), plan_(plan), pass_(run, work()) {}

PassWork MeasurePhase::work() {
  Statistics statistics = run_.options.statistics();
  statistics.by_panels = run_.memory.by_panels;
  return {.name = "calibrate",
          .statistics = statistics,
          .wants = [this](const BlockLayout& block) { return plan_.has_unmeasured(block); },
          .take =
              [this](Index block, std::vector<GroupSums>& sums) {
                if (run_.options.prepares_inputs()) {
                  prepare_and_store(block, sums);
                } else {
                  reduce_and_store(sums);
                }
              }};
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

}  // namespace lrc
