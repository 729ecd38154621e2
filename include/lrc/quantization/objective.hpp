// The loss that all methods are measured by (docs/method.md, "Objective"), from the undamped moments alone.
#pragma once

#include "lrc/linalg/gemm.hpp"
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
RowLosses row_losses(Execution& exec, const MatrixD& weight, const MatrixF& quantized, const MatrixF& u,
                     const MatrixF& v, const Moments& moments);

/// diag(A S Aᵀ) (m) for symmetric `s` (n×n, upper triangle read) and `a` (m×n), summed in a fixed order.
VectorD quadratic_forms(Execution& exec, const MatrixD& a, const MatrixD& s);

}  // namespace lrc
