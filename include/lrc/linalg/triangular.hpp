// Products and solves with triangular matrices on the right, for many rows at a time. Tiles are bands of rows: the same
// bits on any number of threads.
#pragma once

#include "lrc/linalg/gemm.hpp"

namespace lrc {

/// b (m×n) becomes b · op(T), T (n×n) being the upper triangle of `t`; what is below the diagonal is not read.
void multiply_upper(Execution& exec, Op op, const ConstViewD& t, ViewD b);

/// b (m×n) becomes b · op(T)⁻¹, T (n×n) being the upper triangle of `t`. Precondition: no zero on its diagonal.
void divide_upper(Execution& exec, Op op, const ConstViewD& t, ViewD b);

}  // namespace lrc
