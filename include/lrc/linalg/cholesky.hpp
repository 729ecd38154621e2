// Cholesky factorizations, cut into fixed tiles: the same bits on any number of threads.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// The matrix is not positive definite to working precision (or not finite).
class CholeskyFailure : public Error {
 public:
  explicit CholeskyFailure(Index column)
      : Error(fmt::format("the matrix is not positive definite (Cholesky factorization, column {})", column)),
        column_(column) {}
  /// The first column found without a positive pivot.
  Index column() const noexcept { return column_; }

 private:
  Index column_;
};

/// a (n×n, symmetric) becomes its lower triangular L with a = L Lᵀ; above the diagonal it becomes zero. Only the lower
/// triangle of `a` is read. Throws CholeskyFailure, which leaves `a` in pieces.
void cholesky(Execution& exec, MatrixD& a);

/// a (n×n, symmetric) becomes its upper triangular R with a = R Rᵀ, zero below the diagonal. R⁻¹ is the upper Cholesky
/// factor of a⁻¹, the one GPTQ is written in: a⁻¹ = R⁻ᵀ R⁻¹. Only the upper triangle of `a` is read. Throws
/// CholeskyFailure.
void upper_cholesky(Execution& exec, MatrixD& a);

}  // namespace lrc
