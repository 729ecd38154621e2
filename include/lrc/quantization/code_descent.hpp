// Coordinate descent on codes and scales, from where GPTQ ends (compare arXiv 2309.01885, QuantEase): GPTQ rounds each
// weight once, knowing only the errors before it; here every weight is rounded again, all others being given.
#pragma once

#include "lrc/quantization/gptq.hpp"

namespace lrc {

/// Lowers L = tr((T − Ŵ) H (T − Ŵ)ᵀ) for the target T (d_out×d_in), H = R Rᵀ with R = `factor` (d_in×d_in, upper). Each
/// of the `sweeps` first moves every scale to its least-squares value, Δs/s = ⟨ŵ_g, ((T − Ŵ) H)_g⟩ / (ŵ_g H_gg ŵ_gᵀ)
/// with the codes held (rounded to bfloat16; left where that would not lower L), and then every code in its order to
/// the grid point nearest ŵ_j + ((T − Ŵ) H)_j / H_jj. No step raises L (up to rounding of doubles). Operations:
/// d_in³ + 4 d_out·d_in² once and 2 d_in for every code that changes; with groups of weights d_in³ + 2 d_out·d_in²
/// once, and as many a sweep for their scales. Preconditions: sizes fit, H's diagonal is positive.
void descend(ThreadPool& pool, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid, Index sweeps,
             QuantizedWeight& quantized);

/// gptq(), and descend() with its result where `sweeps` > 0.
QuantizedWeight gptq_and_descent(ThreadPool& pool, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid,
                                 Index sweeps);

/// Bytes that descend() holds at its peak: a d_in×d_in matrix of doubles, and four of a band of 1024 rows
/// at most.
double descent_workspace_bytes(Index d_out, Index d_in);

}  // namespace lrc
