#include "lrc/pipeline/run_context.hpp"

namespace lrc {

WorkPlan WorkPlan::of(const Model& model, bool stacked, const Checkpoint& checkpoint) {
  WorkPlan plan;
  for (Index block = 0; block < model.config().blocks; ++block) {
    const BlockLayout layout = block_layout(model.config(), block);
    for (const GroupLayout& group : layout.groups()) {
      bool solved = true;
      for (const LinearStack& stack : stacks_of(group, stacked)) {
        if (checkpoint.is_committed(stack.name)) continue;
        solved = false;
        plan.solves.push_back({block, group, stack});
      }
      if (solved) continue;
      for (Index panel = 0; panel < MomentPanels{group.inputs()}.count(); ++panel) {
        if (!checkpoint.has_moments({group.name, panel})) plan.unmeasured.emplace(group.name, panel);
      }
    }
  }
  return plan;
}

bool WorkPlan::is_unmeasured(const std::string& group) const {
  const auto at = unmeasured.lower_bound({group, 0});
  return at != unmeasured.end() && at->first == group;
}

}  // namespace lrc
