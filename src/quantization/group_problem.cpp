#include "lrc/quantization/group_problem.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/linalg/distributed.hpp"

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

// As expand_moments() does. `upper`: XXᵀ, of which the upper triangle is set.
GroupProblem from_diagonals(BlockCyclic weight, BlockCyclic upper, const GroupSource& source) {
  for (Index j = 0; j < upper.local().cols(); ++j) {
    for (Index i = 0; i < upper.local().rows(); ++i) {
      if (upper.global_row(i) > upper.global_col(j)) upper.local()(i, j) = 0;
    }
  }
  BlockCyclic xx = transposed(upper);
  const VectorD squares = xx.diagonal();
  BlockCyclic xy = std::move(upper);  // XXᵀ, both triangles
  xy.local() += xx.local();
  xy.for_each_diagonal([&](Index i, Index row, Index col) { xy.local()(row, col) = squares(i); });
  const Index n = source.d_in;
  VectorD slope(n);  // of channel n − 1 − j, as the matrices are
  for (Index j = 0; j < n; ++j) slope(j) = squares(j) > 0 ? source.xy_diagonal(n - 1 - j) / squares(j) : 0.0;
  for (Index j = 0; j < xy.local().cols(); ++j) xy.local().col(j) *= slope(xy.global_col(j));
  BlockCyclic yy = xy;
  for (Index i = 0; i < yy.local().rows(); ++i) yy.local().row(i) *= slope(yy.global_row(i));
  yy.for_each_diagonal([&](Index i, Index row, Index col) {
    double& element = yy.local()(row, col);
    element = std::max(element, source.yy_diagonal(n - 1 - i));
  });
  return {std::move(weight), std::move(xx), std::move(xy), std::move(yy)};
}

// Rather taller than wide: ScaLAPACK's reduction to a tridiagonal matrix is faster on 2×1 ranks than on 1×2.
GridShape squarest(int ranks) {
  int cols = 1;
  for (int i = 2; i * i <= ranks; ++i) {
    if (ranks % i == 0) cols = i;
  }
  return {ranks / cols, cols};
}

}  // namespace

GroupProblem GroupProblem::from(const ProcessGrid& grid, const GroupSource& source, Index block) {
  const Index n = source.d_in;
  const auto square = [&](const RowPanels& panels) {
    return BlockCyclic::from_panels(grid, n, n, block, reversed(panels, n));
  };
  BlockCyclic weight = BlockCyclic::from_panels(grid, source.d_out, n, block, with_reversed_columns(source.weight));
  BlockCyclic upper = square(source.xx);
  if (source.xy_diagonal.size() > 0) return from_diagonals(std::move(weight), std::move(upper), source);
  BlockCyclic xx = transposed(upper);
  upper = square(source.xy);
  BlockCyclic xy = std::move(upper);
  return {std::move(weight), std::move(xx), std::move(xy), transposed(square(source.yy))};
}

double group_workspace_bytes(Method method, Index d_out, Index d_in, Index rank) {
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  return sizeof(double) * (rows * cols + 3 * cols * cols) + solve_workspace_bytes(method, d_out, d_in, rank);
}

GridShape group_grid(Method method, Index d_out, Index d_in, Index rank, double bytes_per_rank, int least) {
  assert(bytes_per_rank > 0 && 1 <= least && least <= kLargestGroup);
  const double bytes = group_workspace_bytes(method, d_out, d_in, rank);
  for (int ranks = 1; ranks <= kLargestGroup; ranks += ranks == 1 ? 1 : 2) {
    if (ranks >= least && bytes / ranks <= bytes_per_rank) return squarest(ranks);
  }
  throw InputError("--solve-memory", fmt::format("{:.3g} bytes per rank are too few for a {}×{} linear: its solve "
                                                 "needs {:.3g} in all, and may use up to {} ranks",
                                                 bytes_per_rank, d_out, d_in, bytes, kLargestGroup));
}

}  // namespace lrc
