// The low-rank correction U Vᵀ: best approximations, and the form in which it is stored.
#pragma once

#include "lrc/linalg/gemm.hpp"
#include "lrc/quantization/factor_bits.hpp"

namespace lrc {

/// A correction in the precision of the solve.
struct LowRank {
  MatrixD u;  ///< d_out×k
  MatrixD v;  ///< d_in×k
};

/// W − U Vᵀ (d_out×d_in).
MatrixD without(Execution& exec, const MatrixD& weight, const LowRank& correction);

/// 1 / singular value for each eigenvalue (descending) of aᵀ·a, or 0 where that is zero to working precision; `rows`
/// are those of a. Precondition: at least one eigenvalue.
VectorD inverse_singular_values(const VectorD& eigenvalues, Index rows);

/// The k leading left singular vectors of `a` (m×n) as columns (m×k), through the eigenvectors of a·aᵀ or, where n < m,
/// of aᵀ·a. A column whose singular value is zero to working precision may be zero. Precondition: 0 ≤ k ≤ min(m, n).
MatrixD leading_left_vectors(Execution& exec, const MatrixD& a, Index k);

/// The product U Vᵀ of rank k nearest to A in the metric S: min ‖(A − U Vᵀ) R‖_F, S = R Rᵀ, `factor` = R (upper).
/// `scaled` is A·R (d_out×d_in). U = leading left vectors of A·R, Vᵀ = Uᵀ A = (Uᵀ A R) R⁻¹.
LowRank best_low_rank(Execution& exec, const MatrixD& scaled, const MatrixD& factor, Index k);

/// U Vᵀ with its columns scaled so that those of U and V have equal norms; a column that is zero in one becomes zero in
/// both. What fits one factor's 16 bits then fits the other's.
LowRank balanced(const LowRank& correction);

/// What is stored.
struct StoredLowRank {
  StoredFactor u;  ///< d_out×k
  StoredFactor v;  ///< d_in×k
};

/// The balanced factors, each rounded by itself (stored_factor, which says what it throws).
StoredLowRank stored(const LowRank& correction, int factor_bits, Dtype half = Dtype::f16);

}  // namespace lrc
