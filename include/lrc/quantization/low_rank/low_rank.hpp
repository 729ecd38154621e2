// The low-rank correction U Vᵀ: best approximations, and the form in which it is stored. `Matrix` is of any kind
// (matrix_kinds.hpp).
#pragma once

#include "lrc/linalg/matrix_kinds.hpp"
#include "lrc/quantization/low_rank/factor_bits.hpp"

namespace lrc {

/// A correction in the precision of the solve.
template <class Matrix>
struct LowRankOf {
  Matrix u;  ///< d_out×k
  Matrix v;  ///< d_in×k
};
using LowRank = LowRankOf<MatrixD>;

/// W − U Vᵀ (d_out×d_in).
template <class Matrix>
Matrix without(Execution& exec, const Matrix& weight, const LowRankOf<Matrix>& correction);

/// The k leading left singular vectors of `a` (m×n) as columns (m×k), through the eigenvectors of a·aᵀ or, where n < m,
/// of aᵀ·a. A column whose singular value is zero to working precision may be zero. Precondition: 0 ≤ k ≤ min(m, n).
template <class Matrix>
Matrix leading_left_vectors(Execution& exec, const Matrix& a, Index k);

/// The product U Vᵀ of rank k nearest to A in the metric S: min ‖(A − U Vᵀ) R‖_F, S = R Rᵀ, `root` = R (upper).
/// `scaled` is A·R (d_out×d_in). U = leading left vectors of A·R, Vᵀ = Uᵀ A = (Uᵀ A R) R⁻¹.
template <class Matrix>
LowRankOf<Matrix> best_low_rank(Execution& exec, const Matrix& scaled, const Matrix& root, Index k);

/// U Vᵀ with its columns scaled so that those of U and V have equal norms; a column that is zero in one becomes zero in
/// both. What fits one factor's 16 bits then fits the other's.
template <class Matrix>
LowRankOf<Matrix> balanced(Execution& exec, const LowRankOf<Matrix>& correction);

/// What is stored, of each rank its own rows.
struct StoredLowRank {
  StoredFactor u;  ///< d_out×k
  StoredFactor v;  ///< d_in×k
};

/// The balanced factors, each rounded by itself (stored_factor, which says what it throws).
template <class Matrix>
StoredLowRank stored(Execution& exec, const LowRankOf<Matrix>& correction, int factor_bits, Dtype half = Dtype::f16);

}  // namespace lrc
