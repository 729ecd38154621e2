// Centred moments (docs/method.md): W x = W (x − μ) + W μ, so x − μ is quantized and W μ becomes a bias.
#pragma once

#include <string>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// Σ (x − μ)(x − μ)ᵀ = Sx − n μ μᵀ, μ = Σx/n, from `xx` = Sx (d_in×d_in) and `sums` = Σx (d_in). A mean that
/// holds the share s of the energy costs 1/(1 − s) times the precision of `xx` (fp32); a channel of which it leaves no
/// more than that precision is constant, and zero with its row and column, and so are all channels together.
/// Precondition: tokens > 0.
MatrixD centred(const MatrixD& xx, const VectorD& sums, Index tokens);

/// Σ (x − μ) yᵀ = Sxy − μ (Σy)ᵀ from `xy` (d_in×d_in) = Σ x yᵀ, y = Q_a(x − μ). Sy is not centred: y is what the
/// weights see.
MatrixD centred_inputs(const MatrixD& xy, const VectorD& x_sums, const VectorD& y_sums, Index tokens);

/// W μ (d_out), the bias, each row summed in order of its columns.
VectorD mean_output(const MatrixD& weight, const VectorD& sums, Index tokens);

/// A mean or a bias as it is stored: rounded to fp16. Error naming `what` it is where a number overflows.
VectorF stored_half(const VectorD& values, const std::string& what);

}  // namespace lrc
