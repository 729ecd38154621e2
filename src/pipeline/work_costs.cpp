#include "lrc/pipeline/work_costs.hpp"

#include <functional>

namespace lrc {
namespace {

double real(Index value) { return static_cast<double>(value); }

// Floating-point operations of a rank, in single precision; those in double take twice as long.
struct BlockCosts {
  double forward = 0, use = 0, solve = 0, write = 0;
};

// Of all tokens, which reach a group of an expert.
double share_of(const ModelConfig& model, const GroupLayout& group) {
  return group.expert == kNoExpert ? 1 : real(model.experts_per_token) / real(model.experts);
}

// Eigenvectors of the inputs' moments are most of what prepares them; see src/plan/memory_phases.cpp for what is
// summed.
BlockCosts costs_of_block(const RunContext& run) {
  constexpr double kEigen = 20, kProducts = 12, kOfAWeight = 500;
  const CalibrateOptions& options = run.options;
  const double tokens = real(run.sequences.count * run.sequences.length);
  const double sums = options.moments == MomentKind::exact ? 4 : 1;
  BlockCosts costs;
  for (const GroupLayout& group : block_layout(run.model.config(), 0).groups) {
    const double in = real(group.inputs()), seen = tokens * share_of(run.model.config(), group);
    for (const LinearLayout& linear : group.linears) {
      costs.forward += 2 * seen * in * real(linear.rows);
      costs.write += kOfAWeight * in * real(linear.rows);
    }
    costs.forward += sums * seen * in * in;
    if (options.prepares_inputs()) costs.use += sums * seen * in * in + 2 * kEigen * in * in * in;
    for (const LinearStack& stack : stacks_of(group, options.stack_groups))
      costs.solve += 2 * kProducts * solve_cost({0, group, stack});
  }
  return costs;
}

// Relative to LRC, which factorizes and multiplies most.
double share_of_method(Method method) {
  switch (method) {
    case Method::rtn:
      return 0.01;
    case Method::gptq:
      return 0.1;
    case Method::svd:
      return 0.7;
    default:
      return 1;
  }
}

// Of the solves that `counts` takes.
double solve_costs(const RunContext& run, const std::function<bool(const std::string& stack)>& counts) {
  double sum = 0;
  for (Index block = 0; block < run.model.config().blocks; ++block) {
    for (const GroupLayout& group : block_layout(run.model.config(), block).groups) {
      for (const LinearStack& stack : stacks_of(group, run.options.stack_groups))
        sum += counts(stack.name) ? solve_cost_of_a_rank(run, {block, group, stack}) : 0;
    }
  }
  return sum;
}

}  // namespace

std::string using_sums_of(const std::string& pass) { return pass == "calibrate" ? "use sums" : pass + ": use sums"; }

double solve_cost(const SolveTask& task) {
  const auto in = static_cast<double>(task.group.inputs()), out = static_cast<double>(task.stack.rows);
  return in * in * in + 4 * in * in * out;
}

double solve_cost_of_a_rank(const RunContext& run, const SolveTask& task) {
  return solve_cost(task) / run.options.solve_grid(task.stack, task.group.inputs()).ranks();
}

double solve_costs(const RunContext& run) {
  return solve_costs(run, [](const std::string&) { return true; });
}

void expect_work(const RunContext& run) {
  const Index blocks = run.model.config().blocks;
  expect_pass(run, "calibrate", {blocks, blocks});
  const BlockCosts costs = costs_of_block(run);
  const double done =
      solve_costs(run, [&](const std::string& stack) { return run.checkpoint.is_committed(stack); }) / solve_costs(run);
  const double of_all = real(blocks) / run.world.size();
  run.progress.expect("solve", 1, of_all * costs.solve * share_of_method(run.options.method), done);
  run.progress.expect("export", 1, of_all * costs.write);
}

void expect_pass(const RunContext& run, const std::string& pass, BlocksLeft left) {
  const BlockCosts costs = costs_of_block(run);
  const double blocks = real(run.model.config().blocks), streams = run.options.propagates() ? 2 : 1;
  run.progress.expect(pass, blocks, streams * costs.forward / run.world.size(), blocks - real(left.passed));
  run.progress.expect(using_sums_of(pass), blocks, costs.use / run.world.size(), blocks - real(left.used));
}

}  // namespace lrc
