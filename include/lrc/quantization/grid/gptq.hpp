// GPTQ (arXiv 2210.17323): rounding column by column, each column's error made good by the columns after it.
#pragma once

#include <memory>
#include <vector>

#include "lrc/linalg/matrix_kinds.hpp"
#include "lrc/quantization/grid/grid.hpp"

namespace lrc {

/// Quantizes `target` W (d_out×d_in) so as to make tr((W − Ŵ) H (W − Ŵ)ᵀ) small, H = R Rᵀ (damping already in it) being
/// given by `root` = R of upper_cholesky (d_in×d_in). Columns are rounded in their order; the grid is that of
/// fit_grid on the target, fixed before the first column is rounded, for groups too: so they depend on the weights
/// alone and not on how the columns are blocked. Rows are independent given R: each rank quantizes and returns its own
/// (own_rows). d_out·d_in² operations.
template <class Matrix>
QuantizedWeight gptq(Execution& exec, const Matrix& target, const Matrix& root, const WeightGrid& grid);

/// gptq() of some rows where R comes in panels of rows, one after the other, and no rank sees the whole of it. The
/// order of sums, and so the codes at ties, depends on the panels. Between panels it holds as many doubles as the
/// target has elements.
class GptqBand {
 public:
  /// Fits the grid. `exec` and `target` (rows×d_in) must outlive the band.
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

  Execution& exec_;
  const MatrixD& target_;
  WeightGrid grid_;
  QuantizedWeight result_;
  Index done_ = 0;  // columns
  std::vector<std::unique_ptr<RowTile>> tiles_;
};

}  // namespace lrc
