// What of a DistributedMatrix is whole on a rank: sums by row and column, and its own rows.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "lrc/linalg/distributed.hpp"

namespace lrc {
namespace {

constexpr Index kPanel = 256;  // rows that are sent at a time

// Calls visit(rank, begin, end) for panels of the own rows of all ranks, in their order.
template <class Visit>
void for_each_own_panel(const ProcessGrid& grid, Index rows, Visit visit) {
  for (int rank = 0; rank < grid.ranks(); ++rank) {
    const OwnRows own = own_rows_of(rank, grid.ranks(), rows);
    for (Index begin = own.begin; begin < own.end; begin += kPanel)
      visit(rank, begin, std::min(own.end, begin + kPanel));
  }
}

// The parts of a sum that the rows or columns of the grid have (parts×size), added in their order, so that all ranks
// have the same bits. Of each part one rank has some elements, the others zeros.
VectorD sum_of_parts(const ProcessGrid& grid, MatrixD parts) {
  grid.communicator().sum_in_place(std::span(parts.data(), static_cast<std::size_t>(parts.size())));
  VectorD sums = VectorD::Zero(parts.cols());
  for (Index part = 0; part < parts.rows(); ++part) sums += parts.row(part).transpose();
  return sums;
}

}  // namespace

VectorD row_products(Execution& /*exec*/, const DistributedMatrix& a, const DistributedMatrix& b) {
  assert(&a.grid() == &b.grid() && a.block() == b.block() && a.rows() == b.rows() && a.cols() == b.cols());
  MatrixD parts = MatrixD::Zero(a.grid().shape().cols, a.rows());
  for (Index j = 0; j < a.local().cols(); ++j) {
    for (Index i = 0; i < a.local().rows(); ++i)
      parts(a.grid().col(), a.row_of(i)) += a.local()(i, j) * b.local()(i, j);
  }
  return sum_of_parts(a.grid(), std::move(parts));
}

VectorD column_squares(Execution& /*exec*/, const DistributedMatrix& a) {
  MatrixD parts = MatrixD::Zero(a.grid().shape().rows, a.cols());
  for (Index j = 0; j < a.local().cols(); ++j) {
    for (Index i = 0; i < a.local().rows(); ++i)
      parts(a.grid().row(), a.col_of(j)) += a.local()(i, j) * a.local()(i, j);
  }
  return sum_of_parts(a.grid(), std::move(parts));
}

VectorD column_maxima(const DistributedMatrix& a) {
  MatrixD parts = MatrixD::Zero(a.grid().shape().rows, a.cols());  // of each row of the grid
  for (Index j = 0; j < a.local().cols(); ++j) {
    double& largest = parts(a.grid().row(), a.col_of(j));
    for (Index i = 0; i < a.local().rows(); ++i) {
      const double element = a.local()(i, j);
      largest = std::max(largest, std::isnan(element) ? std::numeric_limits<double>::infinity() : std::abs(element));
    }
  }
  a.grid().communicator().sum_in_place(std::span(parts.data(), static_cast<std::size_t>(parts.size())));
  return parts.colwise().maxCoeff().transpose();
}

OwnRows own_rows_of(int rank, int ranks, Index rows) {
  const Index height = ceil_div(rows, ranks);
  return {std::min(rows, rank * height), std::min(rows, (rank + 1) * height)};
}

MatrixD own_rows(const DistributedMatrix& a) {
  const ProcessGrid& grid = a.grid();
  const OwnRows own = own_rows_of(grid.rank(), grid.ranks(), a.rows());
  MatrixD result(own.end - own.begin, a.cols());
  for_each_own_panel(grid, a.rows(), [&](int rank, Index begin, Index end) {
    const MatrixD panel = a.rows_on(rank, begin, end);
    if (grid.rank() == rank) result.middleRows(begin - own.begin, end - begin) = panel;
  });
  return result;
}

DistributedMatrix from_own_rows(const DistributedMatrix& like, Index rows, const MatrixF& own) {
  const ProcessGrid& grid = like.grid();
  const OwnRows mine = own_rows_of(grid.rank(), grid.ranks(), rows);
  assert(own.rows() == mine.end - mine.begin);
  DistributedMatrix result = zeros(like, rows, own.cols());
  for_each_own_panel(grid, rows, [&](int rank, Index begin, Index end) {
    MatrixD panel;  // (end − begin)×cols
    if (grid.rank() == rank) panel = own.middleRows(begin - mine.begin, end - begin).cast<double>();
    result.set_rows(rank, begin, end, panel);
  });
  return result;
}

void for_each_panel(const DistributedMatrix& t, const std::function<void(const MatrixD& panel)>& visit) {
  for (Index begin = 0; begin < t.rows(); begin += kPanel)
    visit(t.rows_everywhere(begin, std::min(t.rows(), begin + kPanel), begin));
}

}  // namespace lrc
