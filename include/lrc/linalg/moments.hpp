// Second moments of the inputs of a group of linears: all that a solve needs to know of the calibration data.
#pragma once

#include <functional>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// X (d_in×tokens) are the inputs of the group, Y = Q_a(X) the same inputs after activation quantization. In matrices
/// of any kind (matrix_kinds.hpp).
template <class Matrix>
struct MomentsOf {
  Index tokens = 0;
  Matrix xx;           ///< d_in×d_in: X Xᵀ
  Matrix xy;           ///< d_in×d_in: X Yᵀ
  Matrix yy;           ///< d_in×d_in: Y Yᵀ
  Index borrowed = 0;  ///< as in SummedMoments
};
using Moments = MomentsOf<MatrixD>;

/// Rows of a matrix: first … end − 1.
struct RowRange {
  Index first = 0, end = 0;

  Index size() const { return end - first; }
};

/// The width of the tiles that moments of `inputs` channels are summed in.
Index moment_tile(Index inputs);

/// The panels of rows in which the moments of a group with `inputs` channels are stored, and, where a rank's memory
/// does not hold them whole, summed: whole rows of tiles, at most 64 MiB as three matrices of floats, but one such row.
struct MomentPanels {
  Index inputs;

  Index count() const;
  RowRange rows(Index panel) const;
};

/// The moments as they are summed and stored: rounded to fp32 from the exact sums. A panel of their rows, or all. Where
/// only the diagonals of XYᵀ and YYᵀ were summed, xy and yy are one row.
struct SummedMoments {
  Index tokens = 0;    ///< that reached the group
  MatrixF xx;          ///< rows×d_in; of a panel only the columns up to its last row's: rows×end
  MatrixF xy;          ///< rows×d_in, or 1×rows: Σ x_j y_j
  MatrixF yy;          ///< as xx, or 1×rows: Σ y_j²
  Index borrowed = 0;  ///< weight, in tokens, of all the block's tokens in the moments of an expert that few reached
  MatrixF drift{};     ///< rows×d_in: (X̄ − X) Xᵀ, X̄ the inputs in the original model; empty where X are those
};

/// Whether xy and yy are one row, of diagonals.
bool has_diagonals(const SummedMoments& moments);

/// The panel of these rows of whole moments.
SummedMoments panel_of(const SummedMoments& whole, RowRange rows);

/// All panels of a group with `inputs` channels as one: `panel(i)` gives the i-th.
SummedMoments assembled(Index inputs, const std::function<SummedMoments(Index)>& panel);

}  // namespace lrc
