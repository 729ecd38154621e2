// From the sums of calibration to the matrices of a solve.
#pragma once

#include "lrc/linalg/moments.hpp"

namespace lrc {

/// The three matrices in double. Where only the diagonals of Sxy and Sy were summed (one row each), the other entries
/// follow from the regression of every quantized channel on its input, y_j = c_j x_j + noise of power n_j:
/// Sxy = Sx diag(c), Sy = diag(c) Sx diag(c) + diag(n)   (method.md, "One matrix instead of three").
Moments expand_moments(const SummedMoments& sums);

}  // namespace lrc
