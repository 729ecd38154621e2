#include "lrc/pipeline/measure_phase.hpp"

#include "lrc/pipeline/prepare_phase.hpp"
#include "lrc/pipeline/stage_solve.hpp"

namespace lrc {

MeasurePhase::MeasurePhase(const RunContext& run, const WorkPlan& plan) : run_(run), plan_(plan), pass_(run, work()) {}

PassWork MeasurePhase::work() {
  const bool propagates = run_.options.propagates();
  PassWork work{.name = "calibrate",
                .end = plan_.solves.empty() ? 0 : plan_.solves.back().block + 1,
                .statistics = run_.options.statistics(),
                .wants = [this](const std::string& group) { return plan_.is_unmeasured(group); },
                .take = [this](Index, std::vector<GroupSums>& sums) { reduce_and_store(sums); }};
  work.statistics.by_panels = run_.memory.by_panels();
  if (propagates || run_.options.prepares_inputs()) {
    work.statistics.prepared = true;  // the whole moments of a group are wanted on one rank
    work.take = [this](Index block, std::vector<GroupSums>& sums) { prepare_and_store(block, sums); };
  }
  if (propagates)
    work.solve = [this](Index index, GroupRole stage, Block& block, const std::string& of) {
      solve_stage(run_, plan_, index, stage, block, of);
    };
  return work;
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
