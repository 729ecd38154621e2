#include "lrc/pipeline/work_plan.hpp"

namespace lrc {

WorkPlan WorkPlan::of(const Problem& problem, const Checkpoint& store) {
  WorkPlan plan;
  for_each_solve(problem, [&](const SolveTask& task) {
    const std::string& group = task.group.name;
    if (task.stack.first == 0) plan.solved.insert(group);
    if (store.is_committed(task.stack.name)) return;
    plan.solved.erase(group);
    plan.solves.push_back(task);
    for (Index panel = 0; panel < MomentPanels{task.group.inputs()}.count(); ++panel) {
      if (!store.has_moments({group, panel})) plan.unmeasured.emplace(group, panel);
    }
  });
  return plan;
}

bool WorkPlan::is_unmeasured(const std::string& group) const {
  const auto at = unmeasured.lower_bound({group, 0});
  return at != unmeasured.end() && at->first == group;
}

}  // namespace lrc
