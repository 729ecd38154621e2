// Which input directions E residual activations take out before quantizing (docs/method.md, "Residual activations").
#pragma once

#include "lrc/linalg/gemm.hpp"

namespace lrc {

enum class Directions {
  pca,       ///< the leading eigenvectors of Sx: what the quantizer sees has the least energy
  weighted,  ///< the row space of the best rank-k approximation of W X: what the linears make the most of
  mixed,     ///< ⌈k/2⌉ of pca, then the weighted ones of what those leave: of W (I − E Eᵀ) X
};
// d_out outputs have d_out weighted directions at most: where that is too few, there are more of pca before them.

/// E (d_in×k): orthonormal columns; a weighted one is zero where the weights have fewer directions. `xx` is the
/// undamped Sx (d_in×d_in), `weight` (d_out×d_in) may be a stack. Throws CholeskyFailure (weighted and mixed with
/// d_out > d_in, from the factorization of Sx damped by `damping`). Precondition: 0 ≤ k ≤ d_in.
/// One eigenproblem of size d_in (pca) or min(d_out, d_in) (weighted); mixed has both.
MatrixD residual_directions(Execution& exec, Directions kind, const MatrixD& weight, const MatrixD& xx, Index k,
                            double damping);

/// `v` (m×k) with its columns made orthonormal, their span kept; columns that are zero, or depend on the others to
/// about 1e-8, become zero or arbitrary. m k² operations, three times.
MatrixD orthonormalized(Execution& exec, MatrixD v);

}  // namespace lrc
