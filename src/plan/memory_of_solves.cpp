#include "lrc/plan/memory_of_solves.hpp"

#include <algorithm>

#include "lrc/quantization/solve.hpp"

namespace lrc::memory {
namespace {

// A linear's solve by a group of ranks: while the matrices are made, panel by panel; while they are solved; what the
// first rank gathers at the end.
double group_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack, int ranks) {
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.rank(stack, group.inputs());
  const double matrices = kDouble * (w + 4 * d * d) / ranks;
  const double making = std::max(reading(group), kFloat * weights(group) + matrices + 2 * kStoredPanel);
  const double gathered = 2 * kByte * w + 4 * kDouble * real(rank) * (rows + d);
  const double work = group_workspace_bytes(in.options.method, stack.rows, group.inputs(), rank) / ranks;
  return std::max(making, work + gathered);
}

// By one rank. The stored moments are gone when they are expanded.
double own_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.rank(stack, group.inputs());
  const bool exact = in.options.moments == MomentKind::exact,
             drifts = in.options.propagates() && in.options.target_blend > 0;
  const double stored = kFloat * d * d * ((exact ? 3 : 1) + (drifts ? 1 : 0)), expanded = 3 * kDouble * d * d;
  const double expanding = in.options.residual_activations && !exact ? 2 * kDouble * d * d : 0;
  const double loading = stored + std::min(stored, kStoredPanel);
  const double work = solve_workspace_bytes(in.options.method, stack.rows, group.inputs(), rank);
  const double blending = drifts ? kFloat * d * d + 2 * kDouble * d * d + 2 * kDouble * w : 0;
  return std::max({loading, stored + expanded + expanding, expanded + reading(group),
                   expanded + (kFloat + kDouble) * weights(group), expanded + kDouble * w + std::max(work, blending)});
}

MemoryTerm solve_of(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const int ranks = in.options.solve_grid(stack, group.inputs()).ranks();
  return {"solve of " + stack.name,
          ranks > 1 ? group_solve_bytes(in, group, stack, ranks) : own_solve_bytes(in, group, stack)};
}

}  // namespace

MemoryTerm largest_solve(const MemoryInputs& in, const std::set<GroupRole>& roles) {
  MemoryTerm largest{"solve", 0};
  for (const GroupLayout& group : block_layout(in.model, 0).groups()) {
    if (!roles.contains(group.role)) continue;
    for (const LinearStack& stack : stacks_of(group, in.options.stack_groups)) {
      const MemoryTerm one = solve_of(in, group, stack);
      if (one.bytes > largest.bytes) largest = one;
    }
  }
  return largest;
}

}  // namespace lrc::memory
