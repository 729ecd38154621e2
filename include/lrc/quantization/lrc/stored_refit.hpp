// Storing a correction: V is rounded first, U is fitted to what V has become, then rounded.
#pragma once

#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/solve.hpp"

namespace lrc {

/// The stored form of `correction` (factor_bits and factor_dtype of the options) for Ŵ = `quantized` (d_out×d_in), in
/// matrices of any kind (matrix_kinds.hpp). With
/// 8 bits U is refitted to the stored V (fitted_left_factor), from the undamped `xx` and `xy` (Sx, Sxy); what U's own
/// rounding costs stays. With 16 bits rounding is far below what a refit could win, and the factors are rounded as they
/// are. Throws as stored_factor, CholeskyFailure.
template <class Matrix>
StoredLowRank stored_with_refit(Execution& exec, const Matrix& weight, const Matrix& quantized, const Matrix& xx,
                                const Matrix& xy, const LowRankOf<Matrix>& correction, const SolveOptions& options);

}  // namespace lrc
