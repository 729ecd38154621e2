#include "lrc/pipeline/work_costs.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "lrc/plan/memory_sizes.hpp"

namespace lrc {
namespace {

using memory::real;

// Floating-point operations of a rank, in single precision; those in double take twice as long.
struct BlockCosts {
  double linears = 0, forward = 0, use = 0, solve = 0, write = 0;  // forward: linears and sums
};

// Eigenvectors of the inputs' moments are most of what prepares them; see src/plan/memory_phases.cpp for what is
// summed.
BlockCosts costs_of_block(const Problem& problem) {
  constexpr double kEigen = 20, kProducts = 12, kOfAWeight = 500;
  const CalibrateOptions& options = problem.options;
  const double tokens = real(problem.sequences.count * problem.sequences.length);
  const double sums = options.moments == MomentKind::exact ? 4 : 1;
  BlockCosts costs;
  for (const GroupLayout& group : block_layout(problem.model.config(), 0).groups()) {
    const double in = real(group.inputs()), seen = tokens * memory::share_of_tokens(problem.model.config(), group);
    for (const LinearLayout& linear : group.linears) {
      costs.linears += 2 * seen * in * real(linear.rows);
      costs.write += kOfAWeight * in * real(linear.rows);
    }
    costs.forward += sums * seen * in * in;
    if (options.takes_two_passes()) costs.use += sums * seen * in * in;
    if (options.changes_inputs()) costs.use += 2 * kEigen * in * in * in;
    for (const LinearStack& stack : stacks_of(group, options.stack_groups))
      costs.solve += 2 * kProducts * solve_cost({0, group, stack});
  }
  costs.forward += costs.linears;
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
double solve_costs(const Problem& problem, const std::function<bool(const std::string& stack)>& counts) {
  double sum = 0;
  for_each_solve(problem, [&](const SolveTask& task) {
    if (counts(task.stack.name)) sum += solve_cost_of_a_rank(problem.options, task);
  });
  return sum;
}

// Operations of a sequence's forward pass through a block.
double forward_of_a_sequence(const Problem& problem) {
  double flops = 0;
  for (const GroupLayout& group : block_layout(problem.model.config(), 0).groups())
    flops += 2 * memory::share_of_tokens(problem.model.config(), group) * weights(group);
  return flops * real(problem.sequences.length);
}

// Blocks are learned one after the other: each by its steps, and by passes of all tokens.
double learning_cost(const Problem& problem, int ranks) {
  constexpr double kPasses = 3;  // targets, error, outputs
  const double passes = kPasses * real(problem.sequences.count) / ranks * forward_of_a_sequence(problem);
  return real(problem.options.learn_steps) * learning_step_cost(problem, ranks) + passes;
}

// Whose solves are all committed.
Index learned_blocks(const Problem& problem, const Checkpoint& store) {
  std::set<Index> left;
  for_each_solve(problem, [&](const SolveTask& task) {
    if (!store.is_committed(task.stack.name)) left.insert(task.block);
  });
  return problem.blocks() - std::ssize(left);
}

}  // namespace

// The sequences of a step and the linears are spread over the ranks; of the latter one has the largest.
double learning_step_cost(const Problem& problem, int ranks) {
  constexpr double kBothPasses = 3;  // forward and backward
  double all = 0, largest = 0;       // products of the scales and of their gradients
  for (const GroupLayout& group : block_layout(problem.model.config(), 0).groups()) {
    for (const LinearLayout& linear : group.linears) {
      const double one =
          6 * real(problem.options.scale_rank(linear.rows, linear.cols)) * real(linear.rows) * real(linear.cols);
      all += one;
      largest = std::max(largest, one);
    }
  }
  const Index mine = ceil_div(std::min(problem.options.learn_batch, problem.sequences.count), ranks);
  const double scales = problem.options.method == Method::lrq ? std::max(all / ranks, largest) : 0;
  return kBothPasses * real(mine) * forward_of_a_sequence(problem) + scales;
}

double solve_cost(const SolveTask& task) {
  const auto in = static_cast<double>(task.group.inputs()), out = static_cast<double>(task.stack.rows);
  return in * in * in + 4 * in * in * out;
}

double solve_cost_of_a_rank(const CalibrateOptions& options, const SolveTask& task) {
  return solve_cost(task) / options.solve_grid(task.stack, task.group.inputs()).ranks();
}

double solve_costs(const Problem& problem) {
  return solve_costs(problem, [](const std::string&) { return true; });
}

void expect_work(RunProgress& progress, const Problem& problem, int ranks, const Checkpoint& store) {
  const Index blocks = problem.blocks();
  progress.expect("export", 1, real(blocks) / ranks * costs_of_block(problem).write);
  if (problem.options.learns()) {
    progress.expect(kLearn, real(blocks), learning_cost(problem, ranks), real(learned_blocks(problem, store)));
    return;
  }
  expect_pass(progress, problem, ranks, {blocks, blocks});
  const BlockCosts costs = costs_of_block(problem);
  const double done =
      solve_costs(problem, [&](const std::string& stack) { return store.is_committed(stack); }) / solve_costs(problem);
  if (problem.options.smooth > 0) progress.expect(kSmooth, real(blocks), costs.linears / ranks);
  const double of_all = real(blocks) / ranks;
  progress.expect("solve", 1, of_all * costs.solve * share_of_method(problem.options.method), done);
}

void expect_pass(RunProgress& progress, const Problem& problem, int ranks, BlocksLeft left) {
  const BlockCosts costs = costs_of_block(problem);
  const double blocks = real(problem.blocks()), streams = problem.options.propagates() ? 2 : 1;
  progress.expect(kPass, blocks, streams * costs.forward / ranks, blocks - real(left.passed));
  progress.expect(kUseSums, blocks, costs.use / ranks, blocks - real(left.used));
}

}  // namespace lrc
