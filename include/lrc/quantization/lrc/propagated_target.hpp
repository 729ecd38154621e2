// The target of a linear whose inputs come from the quantized model before it (docs/method.md, "Asymmetric target").
// X̄: inputs in the original model, X̂: those of the same tokens in the quantized model so far, D = X̄ − X̂ the drift. With
// T = α X̄ + (1 − α) X̂ = X̂ + α D the solve is to make ‖W T − Ŵ Y − U Vᵀ X̂‖ small, Y = Q_a(X̂). Of W T the solve can only
// answer what X̂ predicts, W' X̂ with
//
//     W' = argmin over A of ‖W T − A X̂‖² + λ ‖A − W‖² = W + α W D X̂ᵀ (X̂ X̂ᵀ + λ I)⁻¹.
//
// The rest, W T − W' X̂, is orthogonal to X̂ (where λ = 0), and all but orthogonal to Y, whose rounding noise is nearly
// uncorrelated with everything. So W' takes the place of W in every solve, and D X̂ᵀ is the one matrix more to be
// summed.
#pragma once

#include <string>

#include "lrc/linalg/matrix_kinds.hpp"

namespace lrc {

struct TargetOptions {
  std::string name{};     ///< of the linear or group, for messages
  double blend = 1;       ///< α, 0 to 1
  double damping = 0.01;  ///< λ, relative to the mean diagonal of X̂ X̂ᵀ
};

/// W' (d_out×d_in), in matrices of any kind (matrix_kinds.hpp), from `weight` = W (d_out×d_in), `xx` = X̂ X̂ᵀ and `drift`
/// = D X̂ᵀ (d_in×d_in), both of deviations from the means where inputs are centred. W itself, bit by bit, where α = 0.
/// Where the factorization fails, the damping grows tenfold (from 1e-8 if it was 0), up to 1, with a warning; then
/// Error naming the linear. Preconditions: sizes fit, 0 ≤ α ≤ 1. d_in³/6 + 2 d_out·d_in² multiply-adds.
template <class Matrix>
Matrix propagated_weight(Execution& exec, const Matrix& weight, const Matrix& xx, const Matrix& drift,
                         const TargetOptions& options);

/// Bytes that it takes beyond W, X̂ X̂ᵀ and D X̂ᵀ: the factor, and W' twice.
double propagated_weight_bytes(Index d_out, Index d_in);

}  // namespace lrc
