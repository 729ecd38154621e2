#include "lrc/plan/memory_of_solves.hpp"

#include <algorithm>

#include "lrc/quantization/lrc/propagated_target.hpp"
#include "lrc/quantization/moments/expand_moments.hpp"
#include "lrc/quantization/team_grid.hpp"

namespace lrc::memory {
namespace {

double expanding_bytes(const MemoryInputs& in, Index inputs, Index rank) {
  const bool expands = in.options.residual_activations && in.options.moments != MomentKind::exact;
  return expands ? expand_directions_bytes(inputs, rank) : 0;
}

// By the ranks of a team: while the matrices are made, panel by panel; while they are solved; what the first rank
// gathers at the end, and copies into a record.
double team_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack, int team) {
  constexpr double kPanelRows = 256, kPanels = 4;  // that are sent at a time; how many copies
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.rank(stack, group.inputs());
  const double sent = kPanels * kDouble * kPanelRows * d;
  const double matrices =
      (kDouble * (w + (in.options.measures_drift() ? 5 : 4) * d * d) + expanding_bytes(in, group.inputs(), rank)) /
      team;
  const double making = std::max(reading(group) + kDouble * w / team, matrices + 2 * kStoredPanel);
  const double blending = in.options.measures_drift()
                              ? (3 * kDouble * d * d + propagated_weight_bytes(stack.rows, group.inputs())) / team
                              : 0;
  const double work = team_workspace_bytes(in.options.method, stack.rows, group.inputs(), rank) / team;
  const double gathered = 2 * kByte * w + 2 * (kFloat + kByte) * real(rank) * (rows + d);
  return std::max({making, work + sent, blending, work + gathered});
}

// By one rank. The stored moments are gone when they are expanded.
double own_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.rank(stack, group.inputs());
  const bool exact = in.options.moments == MomentKind::exact;
  const double stored = kFloat * d * d * ((exact ? 3 : 1) + (in.options.measures_drift() ? 1 : 0)),
               expanded = 3 * kDouble * d * d;
  const double expanding = expanding_bytes(in, group.inputs(), rank);
  const double loading = stored + std::min(stored, kStoredPanel);
  const double work = solve_workspace_bytes(in.options.method, stack.rows, group.inputs(), rank);
  const double blending =
      in.options.measures_drift() ? kFloat * d * d + propagated_weight_bytes(stack.rows, group.inputs()) : 0;
  return std::max({loading, stored + expanded + expanding, expanded + reading(group),
                   expanded + (kFloat + kDouble) * weights(group), expanded + kDouble * w + std::max(work, blending)});
}

MemoryTerm solve_of(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const int team = in.options.solve_grid(stack, group.inputs()).ranks();
  return {"solve of " + stack.name,
          team > 1 ? team_solve_bytes(in, group, stack, team) : own_solve_bytes(in, group, stack)};
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
