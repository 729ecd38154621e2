#include "lrc/quantization/balance.hpp"

#include <cassert>
#include <cmath>

namespace lrc {
namespace {

// Calls visit(size, first, count) for the rows of each part.
template <class Visit>
void for_each_part(const VectorF& sizes, const std::vector<Index>& rows, Visit visit) {
  assert(sizes.size() == std::ssize(rows));
  Index first = 0;
  for (Index i = 0; i < sizes.size(); ++i) {
    const Index count = rows[static_cast<std::size_t>(i)];
    visit(sizes(i), first, count);
    first += count;
  }
}

}  // namespace

VectorF part_sizes(const std::vector<double>& squares, const std::vector<Index>& rows) {
  assert(squares.size() == rows.size());
  VectorF sizes = VectorF::Ones(std::ssize(rows));
  double unit = 0;  // of the first part that is not zero
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double own = squares[i] / static_cast<double>(rows[i]);
    if (own == 0) continue;
    if (unit == 0) unit = own;
    sizes(static_cast<Index>(i)) = std::exp2(static_cast<float>(std::round(std::log2(own / unit) / 2)));
  }
  return sizes;
}

void multiply_by_size(MatrixD& outputs, const VectorF& sizes, const std::vector<Index>& rows) {
  for_each_part(sizes, rows, [&](float size, Index first, Index count) {
    outputs.middleRows(first, count) *= static_cast<double>(size);
  });
}

void multiply_by_size(SolveResult& result, const VectorF& sizes, const std::vector<Index>& rows) {
  for_each_part(sizes, rows, [&](float size, Index first, Index count) {
    result.scales.middleRows(first, count) *= size;
    result.u.values.middleRows(first, count) *= size;
    const double square = static_cast<double>(size) * static_cast<double>(size);
    for (VectorD* losses : {&result.losses.lost, &result.losses.power, &result.uncorrected}) {
      if (losses->size() > 0) losses->segment(first, count) *= square;
    }
  });
  set_losses(result, std::move(result.losses));
  if (sizes.size() > 1) result.u_sizes = sizes.transpose();
}

}  // namespace lrc
