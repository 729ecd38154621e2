// Moments with their diagonal raised, and the triangular roots of them that everything is solved by. `Matrix` is of any
// kind (matrix_kinds.hpp), here and in the headers of the solves.
#pragma once

#include "lrc/linalg/matrix_kinds.hpp"

namespace lrc {

/// What of the damping goes to matrices that may be zero where the moments are not: above the rounding of sums to fp32.
inline constexpr double kShareOfDamping = 1e-2;

/// The mean of the diagonal of `moments` (n×n); 0 for n = 0.
template <class Matrix>
double mean_diagonal(const Matrix& moments);

/// λ = damping · the mean diagonal of `moments` (d_in×d_in).
template <class Matrix>
double damping_term(const Matrix& moments, double damping);

/// `moments` + λ I, λ = damping_term(moments, damping). A dead input channel (a zero row and column) thereby stands
/// alone and is rounded to nearest.
template <class Matrix>
Matrix damped(Execution& exec, const Matrix& moments, double damping);

/// R (upper triangular) of moments + λ I = R Rᵀ. Throws CholeskyFailure.
template <class Matrix>
Matrix raised_root(Execution& exec, const Matrix& moments, double lambda);

/// raised_root() with λ = damping_term(moments, damping).
template <class Matrix>
Matrix damped_root(Execution& exec, const Matrix& moments, double damping);

}  // namespace lrc
