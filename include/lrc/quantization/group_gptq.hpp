// GPTQ on a process grid: rows are independent given the Hessian's factor, so each rank has a band of rows, and the
// factor comes to all of them in panels.
#pragma once

#include "lrc/linalg/block_cyclic.hpp"
#include "lrc/quantization/gptq.hpp"

namespace lrc {

/// The rows of a d_out×d_in matrix that each rank of a grid owns whole: ceil(d_out / ranks), the last fewer or none.
struct Band {
  Index begin, end;
};
Band band_of(int rank, int ranks, Index d_out);

/// This rank's band of `target` (d_out×d_in, columns reversed as in GroupProblem) with its columns in the order of the
/// model. Collective.
MatrixD own_band(const BlockCyclic& target);

/// The inverse: the bands of all ranks as a matrix like `like`. Collective.
BlockCyclic from_bands(const MatrixF& band, const BlockCyclic& like);

/// gptq() of this rank's `band` of rows, H = L Lᵀ being given by `factor` = L (d_in×d_in, reversed). Throws AgreedError
/// where a rank is interrupted. Collective.
QuantizedWeight group_gptq(Execution& exec, const MatrixD& band, const BlockCyclic& factor, const WeightGrid& grid);

/// The bands of all ranks, on rank 0; elsewhere empty. Collective.
QuantizedWeight gathered(const ProcessGrid& grid, const QuantizedWeight& band, Index d_out);

}  // namespace lrc
