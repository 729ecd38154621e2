// A linear and its moments, spread over a group of ranks.
#pragma once

#include "lrc/linalg/block_cyclic.hpp"
#include "lrc/quantization/solve.hpp"

namespace lrc {

/// Block size of all matrices of a group solve. Products work in blocks of their own size (distributed.cpp), and the
/// reduction to tridiagonal form is faster with small ones. It is part of the result's bits.
inline constexpr Index kGroupBlock = 64;

/// Where the rows of a group solve's matrices come from, in the order of the model: as in solve(), each d_in columns
/// wide. A rank is asked for some panels, on its own, while others are asked for others.
struct GroupSource {
  Index d_out = 0, d_in = 0;
  RowPanels weight;      ///< of d_out rows
  RowPanels xx, xy, yy;  ///< of d_in rows; of xx and yy only what is not above the diagonal is looked at
  VectorD xy_diagonal{}, yy_diagonal{};  ///< in place of xy and yy where only these were summed (expand_moments.hpp)
};

/// The matrices in reverse order of input channels. GPTQ needs R (upper triangular) with S = R Rᵀ, and ScaLAPACK has
/// only lower triangular L; with rows and columns reversed, one is the other.
struct GroupProblem {
  BlockCyclic weight;      ///< d_out×d_in, columns reversed
  BlockCyclic xx, xy, yy;  ///< d_in×d_in, rows and columns reversed; of xx and yy only the lower triangle is set

  /// Errors of the source are thrown on all ranks. Collective.
  static GroupProblem from(const ProcessGrid& grid, const GroupSource& source, Index block = kGroupBlock);
};

/// Bytes that the ranks of a group hold together at the peak of a solve, weight and moments included.
double group_workspace_bytes(Method method, Index d_out, Index d_in, Index rank);

/// The grid for a solve: the fewest ranks out of 1, 2, 4, 6, 8, … (`least` or more of them) whose share of
/// group_workspace_bytes is at most `bytes_per_rank`, as square as possible, with no more columns than rows. It depends
/// on the arguments alone, and with it the bytes of the result. Throws InputError naming --solve-memory where
/// kLargestGroup ranks would not do.
GridShape group_grid(Method method, Index d_out, Index d_in, Index rank, double bytes_per_rank, int least = 1);
inline constexpr int kLargestGroup = 4096;

}  // namespace lrc
