// GPTQ (arXiv 2210.17323): rounding column by column, each column's error made good by the columns after it.
#pragma once

#include <memory>
#include <vector>

#include "lrc/quantization/grid.hpp"

namespace lrc {

/// λ = damping · the mean diagonal of `hessian` (d_in×d_in).
double damping_term(const MatrixD& hessian, double damping);

/// `hessian` + λ I, λ = damping_term(hessian, damping): what all factorizations of a solve are made of. A dead input
/// channel (a zero row and column) thereby stands alone and is rounded to nearest.
MatrixD damped(const MatrixD& hessian, double damping);

/// Quantizes `target` W (d_out×d_in) so as to make tr((W − Ŵ) H (W − Ŵ)ᵀ) small, H = R Rᵀ (damping already in it) being
/// given by `factor` = R of upper_cholesky (d_in×d_in). Columns are rounded in their order; the scales are those of
/// fit_scales on the target, fixed before the first column is rounded, for groups too: so they depend on the weights
/// alone and not on how the columns are blocked. d_out·d_in² operations.
QuantizedWeight gptq(Execution& exec, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid);

/// gptq() where R comes in panels of rows, one after the other: what a rank does that owns some rows of the target and
/// never sees the whole of R. Sums are made in another order than in gptq(); the codes differ at ties only. Between
/// panels it holds as many doubles as the target has elements.
class GptqBand {
 public:
  /// Fits the scales. `exec` and `target` (rows×d_in) must outlive the band.
  GptqBand(Execution& exec, const MatrixD& target, const WeightGrid& grid);
  ~GptqBand();
  GptqBand(const GptqBand&) = delete;
  GptqBand& operator=(const GptqBand&) = delete;

  /// Quantizes the next panel.rows() columns. `panel` has the next rows of R, from the column of the first one's
  /// diagonal on: rows×(d_in − columns done). What is below the diagonal is not read.
  void quantize(const MatrixD& panel);

  /// Precondition: all columns are quantized. Once.
  QuantizedWeight result();

 private:
  class RowTile;
  friend QuantizedWeight gptq(Execution& exec, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid);

  Execution& exec_;
  const MatrixD& target_;
  WeightGrid grid_;
  QuantizedWeight result_;
  Index done_ = 0;  // columns
  std::vector<std::unique_ptr<RowTile>> tiles_;
};

}  // namespace lrc
