#include "lrc/pipeline/solve_phase.hpp"

#include <algorithm>
#include <numeric>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/export/solved_group.hpp"
#include "lrc/model/forward/forward.hpp"
#include "lrc/pipeline/output_format.hpp"
#include "lrc/pipeline/shared_commits.hpp"
#include "lrc/pipeline/solve_task.hpp"
#include "lrc/pipeline/work_costs.hpp"
#include "lrc/plan/memory_phases.hpp"
#include "lrc/scheduling/queue.hpp"

namespace lrc {

void SolvePhase::run(Index first, Index end) {
  std::vector<SolveTask> window;
  std::copy_if(plan_.solves.begin(), plan_.solves.end(), std::back_inserter(window),
               [&](const SolveTask& task) { return task.block >= first && task.block < end; });
  if (window.empty()) return;
  enter_phase("solve");
  solve(window, fmt::format("blocks {} to {} of {}", first + 1, end, problem_.blocks()));
  if (!ranks_.world.is_root()) return;
  for (Index block = first; block < end; ++block) {
    for (const GroupLayout& group : block_layout(problem_.model.config(), block).groups()) drop_moments(group);
  }
}

void SolvePhase::run(Index index, GroupRole stage, Block& block, const std::string& of) {
  std::vector<SolveTask> left;
  std::copy_if(plan_.solves.begin(), plan_.solves.end(), std::back_inserter(left),
               [&](const SolveTask& task) { return task.block == index && task.group.role == stage; });
  share_commits(ranks_.world, store_);
  enter_phase(stage_name(stage) + ": solve");
  if (!left.empty()) solve(left, of);
  share_commits(ranks_.world, store_);
  const BlockLayout layout = block_layout(problem_.model.config(), index);
  ranks_.world.agree([&] {
    check_interruption();
    put_solved_groups(layout, stage, block);
    if (!ranks_.world.is_root()) return;
    for (const LinearGroup* group : stage_groups(block, stage)) drop_moments(group_layout(layout, group->name));
  });
}

void SolvePhase::put_solved_groups(const BlockLayout& layout, GroupRole stage, Block& block) {
  const QuantizedFormat format = format_of(problem_);
  for (LinearGroup* group : stage_groups(block, stage)) {
    const GroupLayout& of = group_layout(layout, group->name);
    *group = solved_group(std::move(*group), of, format,
                          {.biases = problem_.kept_dtype, .adapter = problem_.options.factor_dtype()},
                          [&](const std::string& stack) { return store_.load_solve(stack).stack; });
  }
}

void SolvePhase::solve(const std::vector<SolveTask>& solves, const std::string& of) {
  std::vector<Task> tasks;
  for (const SolveTask& task : solves) {
    const GridShape team = problem_.options.solve_grid(task.stack, task.group.inputs());
    tasks.push_back({task.stack.name, solve_cost_of_a_rank(problem_.options, task), team.ranks()});
  }
  const double of_run = solve_costs(problem_);
  double shown = 0;  // of the costs
  const auto show = [&](std::size_t done, double cost) {
    log_.progress.advance("solve", (cost - shown) / of_run, fmt::format("{}, {} of {} solves", of, done, tasks.size()));
    shown = cost;
  };
  const PhaseTimer timer(log_.report, "solve");
  const QueueUse use = run_queue(
      ranks_.world, tasks,
      [&](std::size_t i, const Communicator& team) {
        solve_task({team, ranks_.exec}, problem_, store_, log_.report, solves[i]);
      },
      show, pace_);
  pace_ = use.seconds_per_cost;
  show(tasks.size(),
       std::accumulate(tasks.begin(), tasks.end(), 0.0, [](double sum, const Task& task) { return sum + task.cost; }));
  log_.report.add_phase("solve: busy on rank 0", use.busy_seconds);
}

void SolvePhase::drop_moments(const GroupLayout& group) {
  for (Index panel = 0; panel < MomentPanels{group.inputs()}.count(); ++panel) store_.drop_moments({group.name, panel});
}

void drop_needless_moments(Checkpoint& store, const Problem& problem, const WorkPlan& plan) {
  for_each_solve(problem, [&](const SolveTask& task) {
    if (!plan.solved.contains(task.group.name)) return;
    for (Index panel = 0; panel < MomentPanels{task.group.inputs()}.count(); ++panel) {
      const MomentsKey key{task.group.name, panel};
      if (store.has_moments(key)) store.drop_moments(key);
    }
  });
}

}  // namespace lrc
