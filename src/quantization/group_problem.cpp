#include "lrc/quantization/group_problem.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// Panels of a square matrix in reverse order of rows and columns.
RowPanels reversed(const RowPanels& panels, Index n) {
  return [panels, n](Index begin, Index end) {
    MatrixD panel = panels(n - end, n - begin);  // (end − begin)×n
    std::reverse(panel.data(), panel.data() + panel.size());
    return panel;
  };
}

RowPanels with_reversed_columns(const RowPanels& panels) {
  return [panels](Index begin, Index end) -> MatrixD { return panels(begin, end).rowwise().reverse(); };
}

GridShape squarest(int ranks) {
  int rows = 1;
  for (int i = 2; i * i <= ranks; ++i) {
    if (ranks % i == 0) rows = i;
  }
  return {rows, ranks / rows};
}

}  // namespace

GroupProblem GroupProblem::from(const ProcessGrid& grid, const GroupSource& source, Index block) {
  const Index n = source.d_in;
  const auto square = [&](const RowPanels& panels) {
    return BlockCyclic::from_panels(grid, n, n, block, reversed(panels, n));
  };
  return {BlockCyclic::from_panels(grid, source.d_out, n, block, with_reversed_columns(source.weight)),
          square(source.xx), square(source.xy), square(source.yy)};
}

double group_workspace_bytes(Method method, Index d_out, Index d_in, Index rank) {
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  return sizeof(double) * (rows * cols + 3 * cols * cols) + solve_workspace_bytes(method, d_out, d_in, rank);
}

GridShape group_grid(Method method, Index d_out, Index d_in, Index rank, double bytes_per_rank) {
  assert(bytes_per_rank > 0);
  const double bytes = group_workspace_bytes(method, d_out, d_in, rank);
  for (int ranks = 1; ranks <= kLargestGroup; ranks += ranks == 1 ? 1 : 2) {
    if (bytes / ranks <= bytes_per_rank) return squarest(ranks);
  }
  throw InputError("--solve-memory", fmt::format("{:.3g} bytes per rank are too few for a {}×{} linear: its solve "
                                                 "needs {:.3g} in all, and may use up to {} ranks",
                                                 bytes_per_rank, d_out, d_in, bytes, kLargestGroup));
}

}  // namespace lrc
