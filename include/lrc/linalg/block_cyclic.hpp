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
/// The constructor fills it with zeros. The grid must outlive the matrix. What is said to be collective must be called
/// by all ranks of the grid with the same arguments.
class BlockCyclic {
 public:
  /// Throws Error where a rank's part has more elements than ScaLAPACK can count (2^31). Preconditions: rows, cols >=
  /// 0, block >= 1.
  BlockCyclic(const ProcessGrid& grid, Index rows, Index cols, Index block);

  /// The matrix that `panels` yields. Each panel is asked for once, on one rank, in turn; no rank holds more than one.
  /// An error of `panels` is thrown on all ranks (AgreedError). Collective.
  static BlockCyclic from_panels(const ProcessGrid& grid, Index rows, Index cols, Index block, const RowPanels& panels);

  const ProcessGrid& grid() const { return *grid_; }
  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index block() const { return block_; }

  /// This rank's part, by columns: local_rows×local_cols.
  Eigen::MatrixXd& local() { return local_; }
  const Eigen::MatrixXd& local() const { return local_; }
  Index global_row(Index local_row) const { return to_global(local_row, grid_->row(), grid_->shape().rows); }
  Index global_col(Index local_col) const { return to_global(local_col, grid_->col(), grid_->shape().cols); }

  /// ScaLAPACK's descriptor.
  std::array<int, 9> descriptor() const;

  /// Rows [begin, end), on rank `root`; elsewhere 0×0. Collective.
  MatrixD rows_on(int root, Index begin, Index end) const;
  /// Columns [0, cols) of the rows [begin, end), on every rank. Collective.
  MatrixD rows_everywhere(Index begin, Index end, Index cols) const;
  /// Rows [begin, end) become the `panel` of rank `root`; that of other ranks is not looked at. Collective.
  void set_rows(int root, Index begin, Index end, const MatrixD& panel);

  /// Calls visit(i, row, col) for each diagonal element i of a square matrix on this rank: local()(row, col).
  template <class Visit>
  void for_each_diagonal(const Visit& visit) const {
    assert(rows_ == cols_);
    const GridShape shape = grid_->shape();
    for (Index col = 0; col < local_.cols(); ++col) {
      const Index i = global_col(col);
      if (i / block_ % shape.rows == grid_->row()) visit(i, owned_below(i, grid_->row(), shape.rows), col);
    }
  }
  /// The diagonal of a square matrix, on every rank. Collective.
  VectorD diagonal() const;
  /// Adds `value` to the diagonal of a square matrix.
  void add_to_diagonal(double value);

 private:
  // The part of a rank that lies in rows [begin, end) and columns [0, cols) is a block of its local matrix.
  struct Part {
    Index row, rows, col, cols;
    Index size() const { return rows * cols; }
  };
  struct Layout;  // of the parts of all ranks, one after the other

  Part part_of(int rank, Index begin, Index end, Index cols) const;
  Layout layout(Index begin, Index end, Index cols) const;
  MatrixD unpacked(const Layout& layout, Index begin, Index end, Index cols, const double* packed) const;
  Index to_global(Index local, int coordinate, int count) const {
    return (local / block_ * count + coordinate) * block_ + local % block_;
  }
  // How many of the indices below `end` belong to the grid row or column `coordinate` of `count`.
  Index owned_below(Index end, int coordinate, int count) const;

  const ProcessGrid* grid_;
  Index rows_, cols_, block_;
  Eigen::MatrixXd local_;  // local_rows×local_cols
};

}  // namespace lrc
