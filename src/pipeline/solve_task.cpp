#include "lrc/pipeline/solve_task.hpp"

#include "lrc/core/log.hpp"
#include "lrc/core/units.hpp"
#include "lrc/pipeline/solve_inputs.hpp"
#include "lrc/pipeline/solve_record.hpp"
#include "lrc/plan/memory_plan.hpp"
#include "lrc/quantization/lrc/propagated_target.hpp"
#include "lrc/quantization/moments/centred.hpp"

namespace lrc {
namespace {

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

void commit(Checkpoint& store, RunReport& report, const SolveTask& task, const SolveRecord& record) {
  if (record.facts.at("by_rounding"))
    log_warning(fmt::format("{}: its inputs tell nothing ({} tokens): rounded to nearest, without a correction",
                            task.stack.name, record.facts.at("tokens").get<Index>()));
  warn_of_losses(task, record);
  const PhaseTimer timer(report, "solve: commit on rank 0");
  store.commit(record);
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
void solve(Execution& exec, const CalibrateOptions& of_run, Checkpoint& store, RunReport& report, const SolveTask& task,
           SolveInputs<Matrix> inputs) {
  auto& [parts, transform, weight, moments, drift] = inputs;
  const auto start = Clock::now();
  SolveOptions options = of_run.solve_options(task.stack.name, of_run.rank(task.stack, task.group.inputs()));
  if (transform.directions.values.cols() > 0) {
    options.directions = &transform.directions;
    options.rank = transform.directions.values.cols();
  }
  const VectorF& mean = transform.target_mean.size() > 0 ? transform.target_mean : transform.mean;
  VectorF bias;  // W μ: d_out, or empty
  if (mean.size() > 0) bias = mean_bias(weight, mean, parts, task.stack.name);
  if (drift.rows() > 0) {
    weight = propagated_weight(exec, weight, moments.xx, drift,
                               {.name = task.stack.name, .blend = of_run.target_blend, .damping = of_run.damping});
    drift = {};
  }
  SolveResult result = lrc::solve(exec, of_run.method, weight, moments, options);
  agree(weight, [&] {
    if (result.codes.rows() == 0) return;  // the first rank has them
    multiply_by_size(result, parts.sizes, parts.rows);
    result.mean = transform.mean;
    result.input_range = transform.range;
    result.center_bias = bias;
    commit(store, report, task,
           to_record(task.stack.name, std::move(result), linear_rows(task.group, task.stack), moments.tokens,
                     moments.borrowed, seconds_since(start)));
  });
}

}  // namespace

void solve_task(const Ranks& team, const Problem& problem, Checkpoint& store, RunReport& report,
                const SolveTask& task) {
  return_free_memory();  // of the task before
  const auto solved_with = [&](auto inputs) {
    solve(team.exec, problem.options, store, report, task, std::move(inputs));
  };
  if (team.world.size() == 1) return solved_with(whole_inputs(team.exec, problem, store, task));
  const ProcessGrid grid(team.world, problem.options.solve_grid(task.stack, task.group.inputs()));
  solved_with(distributed_inputs(team.exec, problem, store, task, grid));
}

}  // namespace lrc
