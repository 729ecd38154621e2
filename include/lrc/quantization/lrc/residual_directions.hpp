// Which input directions E residual activations take out before quantizing (docs/method.md, "Residual activations").
#pragma once

#include "lrc/linalg/gemm.hpp"

namespace lrc {

/// E (d_in×k), orthonormal columns: first the ⌈k/2⌉ leading eigenvectors of Sx, so that the quantizer sees the least
/// energy; then the row space of the best approximation of W (I − E Eᵀ) X of the rank that is left, what the linears
/// make the most of. d_out outputs have d_out of these at most: where that is too few, there are more of the former; a
/// column is zero where the weights have fewer directions still. `xx` is the undamped Sx (d_in×d_in), `weight`
/// (d_out×d_in) may be a stack. Throws CholeskyFailure (with d_out > d_in, from the factorization of Sx damped by
/// `damping`). Precondition: 0 ≤ k ≤ d_in. Eigenproblems of size d_in and of size min(d_out, d_in).
MatrixD residual_directions(Execution& exec, const MatrixD& weight, const MatrixD& xx, Index k, double damping);

/// Bytes that it takes at its peak, beyond weight and Sx.
double residual_directions_bytes(Index d_out, Index d_in, Index k);

/// `v` (m×k) with its columns made orthonormal, their span kept; columns that are zero, or depend on the others to
/// about 1e-8, become zero or arbitrary. m k² operations, three times.
MatrixD orthonormalized(Execution& exec, MatrixD v);

}  // namespace lrc
