#include "lrc/linalg/block_cyclic.hpp"

#include <algorithm>
#include <cassert>
#include <exception>
#include <limits>
#include <vector>

namespace lrc {

struct BlockCyclic::Layout {
  std::vector<Part> parts;         // one a rank
  std::vector<int> sizes, starts;  // of each in the packed array
  Index total = 0;
};

BlockCyclic::BlockCyclic(const ProcessGrid& grid, Index rows, Index cols, Index block)
    : grid_(&grid), rows_(rows), cols_(cols), block_(block) {
  assert(rows >= 0 && cols >= 0 && block >= 1);
  const Index local_rows = owned_below(rows, grid.row(), grid.shape().rows);
  const Index local_cols = owned_below(cols, grid.col(), grid.shape().cols);
  // Those of rank 0 are the largest: with them all ranks throw or none.
  const Index largest = owned_below(rows, 0, grid.shape().rows) * owned_below(cols, 0, grid.shape().cols);
  if (largest > std::numeric_limits<int>::max()) {
    throw Error(
        fmt::format("a {}×{} matrix is too large for a grid of {}×{} ranks: one would hold {} elements, "
                    "ScaLAPACK counts to 2^31; use more ranks (a smaller --solve-memory)",
                    rows, cols, grid.shape().rows, grid.shape().cols, largest));
  }
  local_ = Eigen::MatrixXd::Zero(local_rows, local_cols);
}

Index BlockCyclic::owned_below(Index end, int coordinate, int count) const {
  const Index blocks = end / block_;  // whole ones
  const Index whole = blocks / count + (coordinate < blocks % count ? 1 : 0);
  return whole * block_ + (coordinate == blocks % count ? end % block_ : 0);
}

std::array<int, 9> BlockCyclic::descriptor() const {
  constexpr int kDense = 1;
  const int block = narrow<int>(block_), distance = narrow<int>(std::max<Index>(1, local_.rows()));
  return {kDense, grid_->context(), narrow<int>(rows_), narrow<int>(cols_), block, block, 0, 0, distance};
}

BlockCyclic::Part BlockCyclic::part_of(int rank, Index begin, Index end, Index cols) const {
  const GridShape shape = grid_->shape();
  const int row = rank / shape.cols, col = rank % shape.cols;
  const Index first = owned_below(begin, row, shape.rows);
  return {first, owned_below(end, row, shape.rows) - first, 0, owned_below(cols, col, shape.cols)};
}

BlockCyclic::Layout BlockCyclic::layout(Index begin, Index end, Index cols) const {
  assert(0 <= begin && begin <= end && end <= rows_ && 0 <= cols && cols <= cols_);
  Layout result;
  for (int rank = 0; rank < grid_->ranks(); ++rank) {
    result.parts.push_back(part_of(rank, begin, end, cols));
    result.sizes.push_back(narrow<int>(result.parts.back().size()));
    result.starts.push_back(narrow<int>(result.total));
    result.total += result.parts.back().size();
  }
  return result;
}

MatrixD BlockCyclic::unpacked(const Layout& layout, Index begin, Index end, Index cols, const double* packed) const {
  const GridShape shape = grid_->shape();
  MatrixD panel(end - begin, cols);
  for (int rank = 0; rank < grid_->ranks(); ++rank) {
    const Part& part = layout.parts[static_cast<std::size_t>(rank)];
    for (Index j = 0; j < part.cols; ++j) {
      const Index col = to_global(j, rank % shape.cols, shape.cols);
      for (Index i = 0; i < part.rows; ++i) {
        panel(to_global(part.row + i, rank / shape.cols, shape.rows) - begin, col) = *packed++;
      }
    }
  }
  return panel;
}

MatrixD BlockCyclic::rows_on(int root, Index begin, Index end) const {
  const Layout all = layout(begin, end, cols_);
  const bool here = grid_->rank() == root;
  const Part part = all.parts[static_cast<std::size_t>(grid_->rank())];
  const Eigen::MatrixXd mine = local_.block(part.row, part.col, part.rows, part.cols);
  std::vector<double> packed(static_cast<std::size_t>(here ? all.total : 0));  // the parts of all ranks
  check_mpi(MPI_Gatherv(mine.data(), narrow<int>(mine.size()), MPI_DOUBLE, packed.data(), all.sizes.data(),
                        all.starts.data(), MPI_DOUBLE, root, grid_->communicator().handle()),
            "MPI_Gatherv");
  return here ? unpacked(all, begin, end, cols_, packed.data()) : MatrixD();
}

MatrixD BlockCyclic::rows_everywhere(Index begin, Index end, Index cols) const {
  const Layout all = layout(begin, end, cols);
  const Part part = all.parts[static_cast<std::size_t>(grid_->rank())];
  const Eigen::MatrixXd mine = local_.block(part.row, part.col, part.rows, part.cols);
  std::vector<double> packed(static_cast<std::size_t>(all.total));  // the parts of all ranks
  check_mpi(MPI_Allgatherv(mine.data(), narrow<int>(mine.size()), MPI_DOUBLE, packed.data(), all.sizes.data(),
                           all.starts.data(), MPI_DOUBLE, grid_->communicator().handle()),
            "MPI_Allgatherv");
  return unpacked(all, begin, end, cols, packed.data());
}

void BlockCyclic::set_rows(int root, Index begin, Index end, const MatrixD& panel) {
  const Layout all = layout(begin, end, cols_);
  const bool here = grid_->rank() == root;
  std::vector<double> packed(static_cast<std::size_t>(here ? all.total : 0));  // the parts of all ranks
  if (here) {
    assert(panel.rows() == end - begin && panel.cols() == cols_);
    const GridShape shape = grid_->shape();
    double* next = packed.data();
    for (int rank = 0; rank < grid_->ranks(); ++rank) {
      const Part& part = all.parts[static_cast<std::size_t>(rank)];
      for (Index j = 0; j < part.cols; ++j) {
        const Index col = to_global(j, rank % shape.cols, shape.cols);
        for (Index i = 0; i < part.rows; ++i) {
          *next++ = panel(to_global(part.row + i, rank / shape.cols, shape.rows) - begin, col);
        }
      }
    }
  }
  const Part part = all.parts[static_cast<std::size_t>(grid_->rank())];
  Eigen::MatrixXd mine(part.rows, part.cols);
  check_mpi(MPI_Scatterv(packed.data(), all.sizes.data(), all.starts.data(), MPI_DOUBLE, mine.data(),
                         narrow<int>(mine.size()), MPI_DOUBLE, root, grid_->communicator().handle()),
            "MPI_Scatterv");
  local_.block(part.row, part.col, part.rows, part.cols) = mine;
}

BlockCyclic BlockCyclic::from_panels(const ProcessGrid& grid, Index rows, Index cols, Index block,
                                     const RowPanels& panels) {
  BlockCyclic result(grid, rows, cols, block);
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

VectorD BlockCyclic::diagonal() const {
  VectorD result = VectorD::Zero(rows_);
  for_each_diagonal([&](Index i, Index row, Index col) { result(i) = local_(row, col); });
  grid_->communicator().sum_in_place({result.data(), static_cast<std::size_t>(result.size())});
  return result;
}

void BlockCyclic::add_to_diagonal(double value) {
  for_each_diagonal([&](Index, Index row, Index col) { local_(row, col) += value; });
}

}  // namespace lrc
