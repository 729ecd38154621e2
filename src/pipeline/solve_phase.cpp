#include "lrc/pipeline/solve_phase.hpp"

#include <algorithm>
#include <numeric>

#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/core/units.hpp"
#include "lrc/pipeline/solve_inputs.hpp"
#include "lrc/pipeline/work_costs.hpp"
#include "lrc/quantization/centred.hpp"
#include "lrc/quantization/propagated_target.hpp"
#include "lrc/scheduling/queue.hpp"

namespace lrc {
namespace {

SolveOptions options_of(const RunContext& run, const SolveTask& task) {
  return run.options.solve_options(task.stack.name, run.options.rank(task.stack, task.group.inputs()));
}

// A correction that does harm is no secret.
void warn_of_losses(const SolveTask& task, const SolveRecord& record) {
  if (record.facts.at("tokens").get<Index>() < task.group.inputs()) return;  // the estimate is of regular moments
  for (std::size_t i = 0; i < task.stack.count; ++i) {
    const auto& losses = record.facts.at("losses").at(i);
    const double loss = losses.at("relative_loss"), uncorrected = losses.value("uncorrected_loss", loss);
    if (loss <= uncorrected) continue;
    log_warning(
        fmt::format("{}: its relative loss of {:.2g} is above the {:.2g} that GPTQ would have without a "
                    "correction; take another --rank-fraction, --factor-bits 16 or --method gptq",
                    task.group.linears[task.stack.first + i].name, loss, uncorrected));
  }
}

void commit(const RunContext& run, const SolveTask& task, const SolveRecord& record) {
  if (record.facts.at("by_rounding"))
    log_warning(fmt::format("{}: its inputs tell nothing ({} tokens): rounded to nearest, without a correction",
                            task.stack.name, record.facts.at("tokens").get<Index>()));
  warn_of_losses(task, record);
  const PhaseTimer timer(run.report, "solve: commit on rank 0");
  run.checkpoint.commit(record);
}

// W μ (d_out) on the first rank of a team, from the weights divided by their sizes.
template <class Matrix>
VectorF mean_bias(const Matrix& weight, const VectorF& mean, const StackParts& parts, const std::string& name) {
  const MatrixD& rows = own_rows(weight);
  MatrixD outputs = gathered_rows(weight, MatrixD(mean_output(rows, mean.cast<double>(), 1)));  // d_out×1
  VectorF bias;
  agree(weight, [&] {
    if (outputs.rows() == 0) return;
    multiply_by_size(outputs, parts.sizes, parts.rows);
    bias = stored_half(outputs.reshaped(), "the mean output of " + name);
  });
  return bias;
}

// The first rank of a team commits.
template <class Matrix>
void solve(const RunContext& run, const SolveTask& task, SolveInputs<Matrix> inputs) {
  auto& [parts, preparation, weight, moments, drift] = inputs;
  const auto start = std::chrono::steady_clock::now();
  SolveOptions options = options_of(run, task);
  if (preparation.directions.values.cols() > 0) {
    options.directions = &preparation.directions;
    options.rank = preparation.directions.values.cols();
  }
  const VectorF& mean = preparation.target_mean.size() > 0 ? preparation.target_mean : preparation.mean;
  VectorF bias;  // W μ: d_out, or empty
  if (mean.size() > 0) bias = mean_bias(weight, mean, parts, task.stack.name);
  if (drift.rows() > 0) {
    weight =
        propagated_weight(run.exec, weight, moments.xx, drift,
                          {.name = task.stack.name, .blend = run.options.target_blend, .damping = run.options.damping});
    drift = {};
  }
  SolveResult result = lrc::solve(run.exec, run.options.method, weight, moments, options);
  agree(weight, [&] {
    if (result.codes.rows() == 0) return;  // the first rank has them
    multiply_by_size(result, parts.sizes, parts.rows);
    commit(run, task,
           to_record(task.stack.name, result, linear_rows(task.group, task.stack), moments.tokens, moments.borrowed,
                     preparation, bias, seconds_since(start)));
  });
}

void solve_by(const Communicator& team, const RunContext& run, const SolveTask& task) {
  return_free_memory();  // of the task before
  if (team.size() == 1) return solve(run, task, whole_inputs(run, task));
  const ProcessGrid grid(team, run.options.solve_grid(task.stack, task.group.inputs()));
  solve(run, task, distributed_inputs(run, task, grid));
}

}  // namespace

void drop_moments(const RunContext& run, const GroupLayout& group) {
  for (Index panel = 0; panel < MomentPanels{group.inputs()}.count(); ++panel)
    run.checkpoint.drop_moments({group.name, panel});
}

void drop_needless_moments(const RunContext& run) {
  for (Index block = 0; block < run.model.config().blocks; ++block) {
    for (const GroupLayout& group : block_layout(run.model.config(), block).groups) {
      const std::vector<LinearStack> stacks = stacks_of(group, run.options.stack_groups);
      const bool solved = std::all_of(stacks.begin(), stacks.end(), [&](const LinearStack& stack) {
        return run.checkpoint.is_committed(stack.name);
      });
      for (Index panel = 0; solved && panel < MomentPanels{group.inputs()}.count(); ++panel) {
        if (run.checkpoint.has_moments({group.name, panel})) run.checkpoint.drop_moments({group.name, panel});
      }
    }
  }
}

void solve_window(const RunContext& run, const WorkPlan& plan, Index first, Index end) {
  std::vector<SolveTask> window;
  for (const SolveTask& task : plan.solves) {
    if (task.block >= first && task.block < end) window.push_back(task);
  }
  if (window.empty()) return;
  enter_phase("solve");
  solve_all(run, window, fmt::format("blocks {} to {} of {}", first + 1, end, run.model.config().blocks));
  if (!run.world.is_root()) return;
  for (Index block = first; block < end; ++block) {
    for (const GroupLayout& group : block_layout(run.model.config(), block).groups) drop_moments(run, group);
  }
}

void solve_all(const RunContext& run, const std::vector<SolveTask>& solves, const std::string& of) {
  std::vector<Task> tasks;
  for (const SolveTask& task : solves) {
    const int ranks = run.options.solve_grid(task.stack, task.group.inputs()).ranks();
    tasks.push_back({task.stack.name, solve_cost_of_a_rank(run, task), ranks});
  }
  const double of_run = solve_costs(run);
  double shown = 0;  // of the costs
  const auto show = [&](std::size_t done, double cost) {
    run.progress.advance("solve", (cost - shown) / of_run, fmt::format("{}, {} of {} solves", of, done, tasks.size()));
    shown = cost;
  };
  const PhaseTimer timer(run.report, "solve");
  const QueueUse use = run_queue(
      run.world, tasks, [&](std::size_t i, const Communicator& team) { solve_by(team, run, solves[i]); }, show,
      run.solve_pace);
  run.solve_pace = use.seconds_per_cost;
  show(tasks.size(),
       std::accumulate(tasks.begin(), tasks.end(), 0.0, [](double sum, const Task& task) { return sum + task.cost; }));
  run.report.add_phase("solve: busy on rank 0", use.busy_seconds);
}

}  // namespace lrc
