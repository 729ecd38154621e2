// The low-rank correction U Vᵀ: best approximations, and the form in which it is stored.
#pragma once

#include "lrc/linalg/gemm.hpp"

namespace lrc {

/// A correction in the precision of the solve.
struct LowRank {
  MatrixD u;  ///< d_out×k
  MatrixD v;  ///< d_in×k
};

/// 1 / singular value for each eigenvalue (descending) of aᵀ·a, or 0 where that is zero to working precision; `rows`
/// are those of a. Precondition: at least one eigenvalue.
VectorD inverse_singular_values(const VectorD& eigenvalues, Index rows);

/// The k leading left singular vectors of `a` (m×n) as columns (m×k), through the eigenvectors of a·aᵀ or, where n < m,
/// of aᵀ·a. A column whose singular value is zero to working precision may be zero. Precondition: 0 ≤ k ≤ min(m, n).
MatrixD leading_left_vectors(ThreadPool& pool, const MatrixD& a, Index k);

/// The product U Vᵀ of rank k nearest to A in the metric S: min ‖(A − U Vᵀ) R‖_F, S = R Rᵀ, `factor` = R (upper).
/// `scaled` is A·R (d_out×d_in). U = leading left vectors of A·R, Vᵀ = Uᵀ A = (Uᵀ A R) R⁻¹.
LowRank best_low_rank(ThreadPool& pool, const MatrixD& scaled, const MatrixD& factor, Index k);

/// What is stored: U and V in fp16.
struct StoredLowRank {
  MatrixF u;  ///< d_out×k
  MatrixF v;  ///< d_in×k
};

/// Scales the columns so that those of U and V have equal norms, then rounds to fp16. Throws InputError where
/// factor_bits is not 16, Error where a value overflows fp16.
StoredLowRank stored(const LowRank& correction, int factor_bits);

}  // namespace lrc
