#include "lrc/pipeline/stage_solve.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/export/solved_group.hpp"
#include "lrc/model/forward.hpp"
#include "lrc/pipeline/export_phase.hpp"
#include "lrc/pipeline/shared_commits.hpp"
#include "lrc/pipeline/solve_phase.hpp"

namespace lrc {
namespace {

void put_solved_groups(const RunContext& run, const BlockLayout& layout, GroupRole stage, Block& block) {
  const QuantizedFormat format = format_of(run);
  for (LinearGroup* group : stage_groups(block, stage)) {
    const GroupLayout& of = group_layout(layout, group->name);
    *group =
        solved_group(std::move(*group), of, format, {.biases = run.kept_dtype, .adapter = run.options.factor_dtype()},
                     [&](const std::string& stack) { return solved_stack(run, stack); });
  }
}

}  // namespace

void solve_stage(const RunContext& run, const WorkPlan& plan, Index index, GroupRole stage, Block& block,
                 const std::string& of) {
  std::vector<SolveTask> left;
  std::copy_if(plan.solves.begin(), plan.solves.end(), std::back_inserter(left),
               [&](const SolveTask& task) { return task.block == index && task.group.role == stage; });
  share_commits(run.world, run.checkpoint);
  enter_phase(stage_name(stage) + ": solve");
  if (!left.empty()) solve_all(run, left, of);
  share_commits(run.world, run.checkpoint);
  const BlockLayout layout = block_layout(run.model.config(), index);
  run.world.agree([&] {
    check_interruption();
    put_solved_groups(run, layout, stage, block);
    if (!run.world.is_root()) return;
    for (const LinearGroup* group : stage_groups(block, stage)) drop_moments(run, group_layout(layout, group->name));
  });
}

}  // namespace lrc
