// GPTQ (arXiv 2210.17323): rounding column by column, each column's error made good by the columns after it.
#pragma once

#include "lrc/quantization/grid.hpp"

namespace lrc {

/// `hessian` (d_in×d_in) + damping · its mean diagonal · I: what all factorizations of a solve are made of. A dead
/// input channel (a zero row and column) thereby stands alone and is rounded to nearest.
MatrixD damped(const MatrixD& hessian, double damping);

/// Quantizes `target` W (d_out×d_in) so as to make tr((W − Ŵ) H (W − Ŵ)ᵀ) small, H = R Rᵀ (damping already in it) being
/// given by `factor` = R of upper_cholesky (d_in×d_in). Columns are rounded in their order; the scales are those of
/// fit_scales on the target, fixed before the first column is rounded, for groups too: so they depend on the weights
/// alone and not on how the columns are blocked. d_out·d_in² operations.
QuantizedWeight gptq(ThreadPool& pool, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid);

}  // namespace lrc
