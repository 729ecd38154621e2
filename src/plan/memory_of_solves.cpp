#include "lrc/plan/memory_of_solves.hpp"

#include <algorithm>

#include "lrc/quantization/team_grid.hpp"

namespace lrc::memory {
namespace {

bool drifts(const MemoryInputs& in) { return in.options.propagates() && in.options.target_blend > 0; }

// What expanding diagonals takes beside Sx and one more matrix: those of residual activations, d_in×k.
double directions_bytes(const MemoryInputs& in, Index inputs, Index rank) {
  return in.options.residual_activations && in.options.moments != MomentKind::exact ? 7 * kDouble * real(inputs * rank)
                                                                                    : 0;
}

// By the ranks of a team: while the matrices are made, panel by panel; while they are solved; what the first rank
// gathers at the end, and copies into a record.
double team_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack, int ranks) {
  constexpr double kPanelRows = 256, kPanels = 4;  // that are sent at a time; how many copies
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.rank(stack, group.inputs());
  const double sent = kPanels * kDouble * kPanelRows * d;
  const double matrices =
      (kDouble * (w + (drifts(in) ? 5 : 4) * d * d) + directions_bytes(in, group.inputs(), rank)) / ranks;
  const double making = std::max(reading(group) + kDouble * w / ranks, matrices + 2 * kStoredPanel);
  const double blending = drifts(in) ? kDouble * (2 * w + 5 * d * d) / ranks : 0;
  const double work = team_workspace_bytes(in.options.method, stack.rows, group.inputs(), rank) / ranks;
  const double gathered = 2 * kByte * w + 2 * (kFloat + kByte) * real(rank) * (rows + d);
  return std::max({making, work + sent, blending, work + gathered});
}

// By one rank. The stored moments are gone when they are expanded.
double own_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.rank(stack, group.inputs());
  const bool exact = in.options.moments == MomentKind::exact;
  const double stored = kFloat * d * d * ((exact ? 3 : 1) + (drifts(in) ? 1 : 0)), expanded = 3 * kDouble * d * d;
  const double expanding = directions_bytes(in, group.inputs(), rank);
  const double loading = stored + std::min(stored, kStoredPanel);
  const double work = solve_workspace_bytes(in.options.method, stack.rows, group.inputs(), rank);
  const double blending = drifts(in) ? kFloat * d * d + 2 * kDouble * d * d + 2 * kDouble * w : 0;
  return std::max({loading, stored + expanded + expanding, expanded + reading(group),
                   expanded + (kFloat + kDouble) * weights(group), expanded + kDouble * w + std::max(work, blending)});
}

MemoryTerm solve_of(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const int ranks = in.options.solve_grid(stack, group.inputs()).ranks();
  return {"solve of " + stack.name,
          ranks > 1 ? team_solve_bytes(in, group, stack, ranks) : own_solve_bytes(in, group, stack)};
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
