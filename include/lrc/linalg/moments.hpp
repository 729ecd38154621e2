// Second moments of the inputs of a group of linears: all that a solve needs to know of the calibration data.
#pragma once

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// X (d_in×tokens) are the inputs of the group, Y = Q_a(X) the same inputs after activation quantization.
struct Moments {
  Index tokens = 0;
  MatrixD xx;          ///< d_in×d_in: X Xᵀ
  MatrixD xy;          ///< d_in×d_in: X Yᵀ
  MatrixD yy;          ///< d_in×d_in: Y Yᵀ
  Index borrowed = 0;  ///< as in SummedMoments
};

/// The moments as they are summed and stored: rounded to fp32 from the exact sums. Where only the diagonals of XYᵀ and
/// YYᵀ were summed, xy and yy are one row.
struct SummedMoments {
  Index tokens = 0;    ///< that reached the group
  MatrixF xx;          ///< d_in×d_in
  MatrixF xy;          ///< d_in×d_in, or 1×d_in: Σ x_j y_j
  MatrixF yy;          ///< d_in×d_in, or 1×d_in: Σ y_j²
  Index borrowed = 0;  ///< weight, in tokens, of all the block's tokens in the moments of an expert that few reached
};

}  // namespace lrc
