#include "lrc/pipeline/store_sums.hpp"

#include "lrc/pipeline/prepare_phase.hpp"

namespace lrc {
namespace {

// Panel by panel, each to another rank.
void store_panels(const RunContext& run, const WorkPlan& plan, GroupSums group, int& next_owner) {
  for (Index panel = 0; panel < group.panels().count(); ++panel) {
    if (!plan.unmeasured.contains({group.group(), panel})) continue;
    const int owner = next_owner;
    next_owner = (next_owner + 1) % run.world.size();
    run.world.agree([&] { group.sum(run.exec, panel); });
    group.reduce(run.world, owner, panel);
    run.world.agree([&] {
      if (run.world.rank() == owner) store_moments(run, {group.group(), panel}, group.result(panel), {});
    });
  }
}

}  // namespace

void store_sums(const RunContext& run, const WorkPlan& plan, Index index, std::vector<GroupSums>& sums, bool whole,
                int& next_owner) {
  if (!whole) {
    for (GroupSums& group : sums) store_panels(run, plan, std::move(group), next_owner);
    return;
  }
  prepare_groups(run, index, sums, next_owner, [&](const std::string& group, const PreparedMoments& prepared) {
    store_prepared(run, plan, group, prepared);
  });
  next_owner = (next_owner + static_cast<int>(sums.size())) % run.world.size();
}

}  // namespace lrc
