#include "lrc/pipeline/measure_phase.hpp"

#include "lrc/pipeline/prepare_phase.hpp"

namespace lrc {
MeasurePhase::MeasurePhase(const RunContext& run, const WorkPlan& plan) : run_(run), plan_(plan), pass_(run, work()) {}

PassWork MeasurePhase::work() {
  Statistics statistics = run_.options.statistics();
  statistics.by_panels = run_.memory.by_panels();
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
      run_.world.agree([&] { group.sum(run_.exec, panel); });
      group.reduce(run_.world, owner, panel);
      run_.world.agree([&] {
        if (run_.world.rank() == owner) store_moments(run_, {group.group(), panel}, group.result(panel), {});
      });
    }
  }
}

void MeasurePhase::prepare_and_store(Index block, std::vector<GroupSums>& sums) {
  prepare_groups(run_, block, sums, next_owner_, [&](const std::string& group, const PreparedMoments& prepared) {
    store_prepared(run_, plan_, group, prepared);
  });
  next_owner_ = (next_owner_ + static_cast<int>(sums.size())) % run_.world.size();
}

}  // namespace lrc
