#include "lrc/pipeline/moments_store.hpp"

namespace lrc {

void MomentsStore::take(Index index, std::vector<GroupSums>& sums, bool whole) {
  if (!whole) {
    for (GroupSums& group : sums) commit_panels(std::move(group));
    return;
  }
  prepare_groups(ranks_, problem_, index, sums, next_owner_,
                 [&](const std::string& group, const PreparedMoments& prepared) { commit(group, prepared); });
  next_owner_ = (next_owner_ + static_cast<int>(sums.size())) % ranks_.world.size();
}

// Panel by panel, each to another rank.
void MomentsStore::commit_panels(GroupSums group) {
  for (Index panel = 0; panel < group.panels().count(); ++panel) {
    if (!plan_.unmeasured.contains({group.group(), panel})) continue;
    const int owner = next_owner_;
    next_owner_ = (next_owner_ + 1) % ranks_.world.size();
    ranks_.world.agree([&] { group.sum(ranks_.exec, panel); });
    group.reduce(ranks_.world, owner, panel);
    ranks_.world.agree([&] {
      if (ranks_.world.rank() == owner) commit({group.group(), panel}, group.result(panel), {});
    });
  }
}

void MomentsStore::commit(const MomentsKey& key, const SummedMoments& moments, const InputTransform& transform) {
  PhaseTimer timer(report_, "calibrate: commit");
  store_.commit(key, moments, transform);
  const Index floats = moments.xx.size() + moments.xy.size() + moments.yy.size() + moments.drift.size();
  timer.add_bytes(static_cast<double>(sizeof(float)) * static_cast<double>(floats));
}

void MomentsStore::commit(const std::string& group, const PreparedMoments& prepared) {
  const MomentPanels panels{prepared.moments.xx.rows()};
  const InputTransform none;
  for (Index panel = 0; panel < panels.count(); ++panel) {
    if (!plan_.unmeasured.contains({group, panel})) continue;
    commit({group, panel}, panel_of(prepared.moments, panels.rows(panel)), panel == 0 ? prepared.transform : none);
  }
}

}  // namespace lrc
