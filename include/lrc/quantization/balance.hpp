// Matrices of one stack share V and the scales of U's columns, and what the stack's rank goes to is decided by the sum
// of their errors. Their sizes, though, say nothing: q times f and k over f is the same function. So a stack is solved
// with all its parts, its linears or what is fused in them, at one size, and its rows get theirs back in what is
// stored.
#pragma once

#include <vector>

#include "lrc/quantization/solve.hpp"

namespace lrc {

/// The powers of two next to each part's size over that of the first, where a size is the root mean square norm of
/// its rows (the first that is not zero; 1 for one that is). `squares`: a part's ‖W‖²; `rows`: its d_out.
VectorF part_sizes(const std::vector<double>& squares, const std::vector<Index>& rows);

/// Rows of `outputs` (Σ rows×any), part after part, times their part's size.
void multiply_by_size(MatrixD& outputs, const VectorF& sizes, const std::vector<Index>& rows);

/// The same for what a solve of the divided weight gave: scales and U times the size, losses times its square. Where
/// there is more than one part, u_sizes says how U is stored.
void multiply_by_size(SolveResult& result, const VectorF& sizes, const std::vector<Index>& rows);

}  // namespace lrc
