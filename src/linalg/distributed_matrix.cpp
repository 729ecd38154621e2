#include "lrc/linalg/distributed_matrix.hpp"

#include <algorithm>
#include <cassert>
#include <exception>
#include <limits>
#include <vector>

namespace lrc {

// The part of a rank that lies in some rows and in the columns from one on is a block of its local matrix, from its
// first column.
struct DistributedMatrix::Layout {
  struct Part {
    Index row, rows, cols;
  };
  const DistributedMatrix& matrix;
  Index begin, end, first_col;
  std::vector<Part> parts{};           // one a rank
  std::vector<int> sizes{}, starts{};  // of each in the packed array
  Index total = 0;

  Eigen::MatrixXd own() const {
    const Part& part = parts[static_cast<std::size_t>(matrix.grid().rank())];
    return matrix.local_.block(part.row, 0, part.rows, part.cols);
  }

  // Calls visit(row, col, element) for all elements of a packed array; row and col count from `begin` and `first_col`.
  template <class Packed, class Visit>
  void for_each(Packed& packed, const Visit& visit) const {
    const GridShape shape = matrix.grid().shape();
    auto element = packed.begin();
    for (int rank = 0; rank < matrix.grid().ranks(); ++rank) {
      const Part& part = parts[static_cast<std::size_t>(rank)];
      for (Index j = 0; j < part.cols; ++j) {
        const Index col = matrix.cols_ - 1 - matrix.to_stored(j, rank % shape.cols, shape.cols) - first_col;
        for (Index i = 0; i < part.rows; ++i, ++element)
          visit(matrix.rows_ - 1 - matrix.to_stored(part.row + i, rank / shape.cols, shape.rows) - begin, col,
                *element);
      }
    }
  }

  MatrixD unpacked(const std::vector<double>& packed) const {
    MatrixD panel(end - begin, matrix.cols_ - first_col);
    for_each(packed, [&](Index row, Index col, double element) { panel(row, col) = element; });
    return panel;
  }
};

DistributedMatrix::DistributedMatrix(const ProcessGrid& grid, Index rows, Index cols, Index block)
    : grid_(&grid), rows_(rows), cols_(cols), block_(block) {
  assert(rows >= 0 && cols >= 0 && block >= 1);
  const Index local_rows = owned_below(rows, grid.row(), grid.shape().rows);
  const Index local_cols = owned_below(cols, grid.col(), grid.shape().cols);
  // Those of rank 0 are the largest: with them all ranks throw or none.
  const Index largest = owned_below(rows, 0, grid.shape().rows) * owned_below(cols, 0, grid.shape().cols);
  if (largest > std::numeric_limits<int>::max()) {
    throw Error(
        fmt::format("a {}×{} matrix is too large for a grid of {}×{} ranks: one would hold {} elements, "
                    "ScaLAPACK counts to 2^31; use more ranks, by less memory a solve",
                    rows, cols, grid.shape().rows, grid.shape().cols, largest));
  }
  local_ = Eigen::MatrixXd::Zero(local_rows, local_cols);
}

Index DistributedMatrix::owned_below(Index end, int coordinate, int count) const {
  const Index blocks = end / block_;  // whole ones
  const Index whole = blocks / count + (coordinate < blocks % count ? 1 : 0);
  return whole * block_ + (coordinate == blocks % count ? end % block_ : 0);
}

std::array<int, 9> DistributedMatrix::descriptor() const {
  constexpr int kDense = 1;
  const int block = narrow<int>(block_), distance = narrow<int>(std::max<Index>(1, local_.rows()));
  return {kDense, grid_->context(), narrow<int>(rows_), narrow<int>(cols_), block, block, 0, 0, distance};
}

DistributedMatrix::Layout DistributedMatrix::layout(Index begin, Index end, Index first_col) const {
  assert(0 <= begin && begin <= end && end <= rows_ && 0 <= first_col && first_col <= cols_);
  const GridShape shape = grid_->shape();
  Layout result{*this, begin, end, first_col};
  for (int rank = 0; rank < grid_->ranks(); ++rank) {
    const int row = rank / shape.cols, col = rank % shape.cols;
    const Index first = owned_below(rows_ - end, row, shape.rows);
    const Index rows = owned_below(rows_ - begin, row, shape.rows) - first;
    const Index cols = owned_below(cols_ - first_col, col, shape.cols);
    result.parts.push_back({first, rows, cols});
    result.sizes.push_back(narrow<int>(rows * cols));
    result.starts.push_back(narrow<int>(result.total));
    result.total += rows * cols;
  }
  return result;
}

MatrixD DistributedMatrix::rows_on(int root, Index begin, Index end) const {
  const Layout all = layout(begin, end, 0);
  const bool here = grid_->rank() == root;
  const Eigen::MatrixXd mine = all.own();
  std::vector<double> packed(static_cast<std::size_t>(here ? all.total : 0));  // the parts of all ranks
  check_mpi(MPI_Gatherv(mine.data(), narrow<int>(mine.size()), MPI_DOUBLE, packed.data(), all.sizes.data(),
                        all.starts.data(), MPI_DOUBLE, root, grid_->communicator().handle()),
            "MPI_Gatherv");
  return here ? all.unpacked(packed) : MatrixD();
}

MatrixD DistributedMatrix::rows_everywhere(Index begin, Index end, Index first_col) const {
  const Layout all = layout(begin, end, first_col);
  const Eigen::MatrixXd mine = all.own();
  std::vector<double> packed(static_cast<std::size_t>(all.total));  // the parts of all ranks
  check_mpi(MPI_Allgatherv(mine.data(), narrow<int>(mine.size()), MPI_DOUBLE, packed.data(), all.sizes.data(),
                           all.starts.data(), MPI_DOUBLE, grid_->communicator().handle()),
            "MPI_Allgatherv");
  return all.unpacked(packed);
}

void DistributedMatrix::set_rows(int root, Index begin, Index end, const MatrixD& panel) {
  const Layout all = layout(begin, end, 0);
  const bool here = grid_->rank() == root;
  assert(!here || (panel.rows() == end - begin && panel.cols() == cols_));
  std::vector<double> packed(static_cast<std::size_t>(here ? all.total : 0));  // the parts of all ranks
  if (here) all.for_each(packed, [&](Index row, Index col, double& element) { element = panel(row, col); });
  const Layout::Part part = all.parts[static_cast<std::size_t>(grid_->rank())];
  Eigen::MatrixXd mine(part.rows, part.cols);
  check_mpi(MPI_Scatterv(packed.data(), all.sizes.data(), all.starts.data(), MPI_DOUBLE, mine.data(),
                         narrow<int>(mine.size()), MPI_DOUBLE, root, grid_->communicator().handle()),
            "MPI_Scatterv");
  local_.block(part.row, 0, part.rows, part.cols) = mine;
}

DistributedMatrix DistributedMatrix::from_panels(const ProcessGrid& grid, Index rows, Index cols, Index block,
                                                 const RowPanels& panels) {
  DistributedMatrix result(grid, rows, cols, block);
  std::exception_ptr error;  // kept until the end: the other ranks are waiting for the panels
  int reader = 0;
  for (Index begin = 0; begin < rows; begin += block, reader = (reader + 1) % grid.ranks()) {
    const Index end = std::min(rows, begin + block);
    MatrixD panel;  // (end − begin)×cols
    if (grid.rank() == reader) {
      try {
        if (!error) panel = panels(begin, end);
      } catch (...) {
        error = std::current_exception();
      }
      if (error) panel = MatrixD::Zero(end - begin, cols);
    }
    result.set_rows(reader, begin, end, panel);
  }
  grid.agree([&] {
    if (error) std::rethrow_exception(error);
  });
  return result;
}

VectorD DistributedMatrix::diagonal() const {
  VectorD result = VectorD::Zero(rows_);
  for_each_diagonal([&](Index i, Index row, Index col) { result(i) = local_(row, col); });
  grid_->communicator().sum_in_place({result.data(), static_cast<std::size_t>(result.size())});
  return result;
}

}  // namespace lrc
