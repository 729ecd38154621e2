// The loss that all methods are measured by (docs/method.md, "Objective"), from the undamped moments alone.
// `Matrix` is of any kind (matrix_kinds.hpp).
#pragma once

#include "lrc/linalg/matrix_kinds.hpp"
#include "lrc/linalg/moments.hpp"

namespace lrc {

/// A loss, output by output: those of linears that were solved as one are told apart by their rows.
struct RowLosses {
  VectorD lost;   ///< d_out: ‖(W X − Ŵ Y − U Vᵀ X)_i‖²
  VectorD power;  ///< d_out: ‖(W X)_i‖²

  /// Σ lost / Σ power over rows first … first + rows − 1; 0 where the denominator is 0.
  double relative(Index first, Index rows) const;
  /// Over all rows.
  double relative() const { return relative(0, lost.size()); }
};

/// Row i of [R Sx Rᵀ − 2 R Sxy Ŵᵀ + Ŵ Sy Ŵᵀ] on the diagonal, R = W − U Vᵀ; and of W Sx Wᵀ.
/// weight, quantized: d_out×d_in; u: d_out×k; v: d_in×k.
template <class Matrix>
RowLosses row_losses(Execution& exec, const Matrix& weight, const Matrix& quantized, const Matrix& u, const Matrix& v,
                     const MomentsOf<Matrix>& moments);

/// diag(A S Aᵀ) (m) for symmetric `s` (n×n, upper triangle read) and `a` (m×n), summed in a fixed order.
template <class Matrix>
VectorD quadratic_forms(Execution& exec, const Matrix& a, const Matrix& s);

}  // namespace lrc
