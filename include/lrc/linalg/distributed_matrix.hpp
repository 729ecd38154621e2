// A matrix spread over a process grid as ScaLAPACK wants it: square blocks, dealt out in turn along rows and columns.
#pragma once

#include <array>
#include <cassert>
#include <functional>

#include "lrc/linalg/matrix.hpp"
#include "lrc/linalg/process_grid.hpp"

namespace lrc {

/// Rows [begin, end) of a matrix, each whole: (end − begin)×cols.
using RowPanels = std::function<MatrixD(Index begin, Index end)>;

/// rows×cols doubles in blocks of block×block; block (i, j) belongs to the rank at (i mod grid rows, j mod grid cols).
/// Stored from the last row to the first and from the last column to the first: the solves need R (upper triangular)
/// with S = R Rᵀ, and ScaLAPACK has only lower triangular L; in reverse order, one is the other. All functions here
/// count rows and columns from the first; only the operations on local() (distributed.cpp) see the reversed order.
/// The constructor fills it with zeros. The grid must outlive the matrix. What is said to be collective must be called
/// by all ranks of the grid with the same arguments.
class DistributedMatrix {
 public:
  /// 0×0, of no grid: nothing but a place to assign to.
  DistributedMatrix() = default;
  /// Throws Error where a rank's part has more elements than ScaLAPACK can count (2^31). Preconditions: rows, cols >=
  /// 0, block >= 1.
  DistributedMatrix(const ProcessGrid& grid, Index rows, Index cols, Index block);

  /// The matrix that `panels` yields. Each panel is asked for once, on one rank, in turn; no rank holds more than one.
  /// An error of `panels` is thrown on all ranks (AgreedError). Collective.
  static DistributedMatrix from_panels(const ProcessGrid& grid, Index rows, Index cols, Index block,
                                       const RowPanels& panels);

  const ProcessGrid& grid() const { return *grid_; }
  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index block() const { return block_; }

  /// This rank's part, by columns: local_rows×local_cols.
  Eigen::MatrixXd& local() { return local_; }
  const Eigen::MatrixXd& local() const { return local_; }
  Index row_of(Index local_row) const { return rows_ - 1 - to_stored(local_row, grid_->row(), grid_->shape().rows); }
  Index col_of(Index local_col) const { return cols_ - 1 - to_stored(local_col, grid_->col(), grid_->shape().cols); }

  /// ScaLAPACK's descriptor.
  std::array<int, 9> descriptor() const;

  /// Rows [begin, end), on rank `root`; elsewhere 0×0. Collective.
  MatrixD rows_on(int root, Index begin, Index end) const;
  /// Columns [first_col, cols()) of the rows [begin, end), on every rank. Collective.
  MatrixD rows_everywhere(Index begin, Index end, Index first_col) const;
  /// Rows [begin, end) become the `panel` of rank `root`; that of other ranks is not looked at. Collective.
  void set_rows(int root, Index begin, Index end, const MatrixD& panel);

  /// Calls visit(i, row, col) for each diagonal element i of a square matrix on this rank: local()(row, col).
  template <class Visit>
  void for_each_diagonal(const Visit& visit) const {
    assert(rows_ == cols_);
    const GridShape shape = grid_->shape();
    for (Index col = 0; col < local_.cols(); ++col) {
      const Index stored = to_stored(col, grid_->col(), shape.cols);
      if (stored / block_ % shape.rows == grid_->row())
        visit(cols_ - 1 - stored, owned_below(stored, grid_->row(), shape.rows), col);
    }
  }
  /// The diagonal of a square matrix, on every rank. Collective.
  VectorD diagonal() const;

 private:
  struct Layout;  // of the parts of some rows and columns on all ranks, one after the other

  Layout layout(Index begin, Index end, Index first_col) const;
  // Where an index of local_ is in the reversed order, dealt out to `count` rows or columns of the grid.
  Index to_stored(Index local, int coordinate, int count) const {
    return (local / block_ * count + coordinate) * block_ + local % block_;
  }
  // How many of the stored indices below `end` belong to the grid row or column `coordinate` of `count`.
  Index owned_below(Index end, int coordinate, int count) const;

  const ProcessGrid* grid_ = nullptr;
  Index rows_ = 0, cols_ = 0, block_ = 1;
  Eigen::MatrixXd local_;  // local_rows×local_cols
};

}  // namespace lrc
