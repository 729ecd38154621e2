// What each further rank buys, known before any weight is rounded: what rank_allocation spends the budget by.
#pragma once

#include "lrc/linalg/gemm.hpp"
#include "lrc/linalg/moments.hpp"

namespace lrc {

/// The paper's form: how much ‖W X − Ŵ Y − U Vᵀ X‖² falls with the 1st, 2nd, ... `most`-th rank while Ŵ may be any
/// matrix: the leading eigenvalues of W S Wᵀ, S = Sx − Sxy Sy⁻¹ Sxyᵀ, descending. In the units of tr(W Sx Wᵀ). Throws
/// CholeskyFailure. Costs as much as the initialisation of lrc. Precondition: most ≤ min(d_out, d_in).
VectorD relaxed_gains(Execution& exec, const MatrixD& weight, const Moments& moments, double damping, Index most);

/// Residual activations with pca directions: the j-th takes the energy λ_j (of Sx, d_in×d_in) out of what is quantized,
/// and with it noise of `noise_ratio`·λ_j, which a rotated model spreads evenly over its channels:
/// noise_ratio · λ_j ‖W‖²/d_in, descending. `noise_ratio` is Σ n_j / Σ x_j² of the plain activations (docs/method.md,
/// "One matrix instead of three"); in the units of tr(W Sx Wᵀ). Precondition: most ≤ d_in.
VectorD residual_gains(Execution& exec, const MatrixD& weight, const MatrixD& xx, double noise_ratio, Index most);

/// The variance of rounding d values to `bits` bits against their own, if they are Gaussian: the grid ends at `clip`
/// times the largest, which is about √(2 ln d) deviations. 0 from 16 bits on. Precondition: d ≥ 1.
double rounding_noise(int bits, double clip, Index d);

}  // namespace lrc
