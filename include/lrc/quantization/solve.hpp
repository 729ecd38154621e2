// One linear's solve: weight and moments in, codes, scales and correction out.
#pragma once

#include <string>

#include "lrc/linalg/matrix_kinds.hpp"
#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/low_rank/low_rank.hpp"
#include "lrc/quantization/lrc/objective.hpp"
#include "lrc/quantization/quantized_stack.hpp"

namespace lrc {

enum class Method {
  rtn,        ///< round to nearest
  gptq,       ///< GPTQ(W, Sx), which on a rotated model is QuaRot-GPTQ
  svd,        ///< GPTQ(W, Sx), then the best low-rank approximation of its error in the Sx metric
  lrc,        ///< joint solve of codes and correction (arXiv 2412.07902)
  lrq,        ///< learned block by block, with a low-rank matrix of scales (arXiv 2407.11534); solve() doesn't know it
  flexround,  ///< the same with a full one (arXiv 2306.00317)
};

struct SolveOptions {
  std::string name{};     ///< of the linear, for messages
  WeightGrid grid{};      ///< bits and group size of the weights
  Index rank = 0;         ///< of the correction (svd, lrc), see rank_of; the other methods have none
  Index iterations = 1;   ///< T of lrc, at least 1
  double damping = 0.01;  ///< of Sx, Sxy and Sy, relative to the mean diagonal of Sx
  int factor_bits = 16;   ///< of U and V: 16, or 8 (int8 codes, a scale per column)
  bool deflated = false;  ///< lrc: U is eliminated from the quantize step instead of held fixed
  /// What 16 bits are: F16 or BF16.
  Dtype factor_dtype = Dtype::f16;
  /// lrc: E (d_in×rank) of residual activations, with which the moments were measured: Y = Q_a(X − E Eᵀ X). V is E
  /// then, and iterations and deflated have no meaning (solve_residual). Of each rank its own rows. Not owned.
  const StoredFactor* directions = nullptr;
};

/// On the first rank of a team, all rows; the others have damping, iterations_done, by_rounding and the losses, but no
/// codes, scales, factors nor `uncorrected`. While it is solved for, each rank has its own rows (matrix_kinds.hpp).
struct SolveResult : QuantizedStack {
  double relative_loss = 0;   ///< of what is stored, on the undamped moments, over all rows
  double damping = 0;         ///< that the factorizations needed; 0 for rtn
  Index iterations_done = 0;  ///< 0 for the methods that do not iterate
  RowLosses losses{};         ///< the same, row by row
  VectorD uncorrected{};      ///< d_out: what GPTQ without a correction would lose, uncorrected.hpp; or empty
  bool by_rounding = false;   ///< the inputs told nothing: round to nearest, U = 0 (solve())
};

/// Sets losses and relative_loss.
void set_losses(SolveResult& result, RowLosses losses);

/// Moves codes and grid, U and V into `result`.
void set_codes(SolveResult& result, QuantizedWeight quantized);
void set_factors(SolveResult& result, StoredLowRank factors);

/// Ŵ (d_out×d_in), of which `result` has the own rows.
template <class Matrix>
Matrix quantized_values(const Matrix& weight, const SolveResult& result, const SolveOptions& options) {
  return from_own_rows(weight, weight.rows(),
                       dequantized(result.codes, result.scales, result.zero_points, options.grid.group_size));
}

/// Sets the losses of `result`'s own rows of U and V beside Ŵ = `quantized` (d_out×d_in).
template <class Matrix>
void measure_losses(Execution& exec, const Matrix& weight, const Matrix& quantized, const MomentsOf<Matrix>& moments,
                    SolveResult& result) {
  set_losses(result, row_losses(exec, weight, quantized, from_own_rows(weight, weight.rows(), result.u.values),
                                from_own_rows(weight, weight.cols(), result.v.values), moments));
}

/// Quantizes `weight` (d_out×d_in) for inputs with these moments (d_in×d_in). Where a factorization fails, the damping
/// grows tenfold (from 1e-8 if it was 0), up to 1, with a warning. Where that is not enough, or the moments are all
/// zero (no token reached the linear, or its inputs were constant and centred), they tell nothing: the weight is
/// rounded to nearest, without a correction (with directions U = W E, the part that is not quantized), and the result
/// says so; but moments that are not finite are an Error naming the linear. rtn needs no moments but for the loss. A
/// stack of linears that share their input is one tall weight, [Wq; Wk; Wv]. Matrices are of any kind
/// (matrix_kinds.hpp): of distributed ones the algorithm and its precision are the same, so that losses agree to 1e-6;
/// the bits depend on grid and block size. Preconditions: sizes fit, rank ≤ min(d_out, d_in) (with directions: rank =
/// their number), finite weight; factor_bits is 16 or 8, else InputError.
template <class Matrix>
SolveResult solve(Execution& exec, Method method, const Matrix& weight, const MomentsOf<Matrix>& moments,
                  const SolveOptions& options);

/// Bytes that a solve holds at its peak beyond weight and moments: three d_in×d_in and four d_out×d_in matrices of
/// doubles and an eigenproblem on the smaller side.
double solve_workspace_bytes(Method method, Index d_out, Index d_in, Index rank);

}  // namespace lrc
