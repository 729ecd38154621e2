#include "lrc/quantization/group_gptq.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace lrc {
namespace {

// Rows of the factor that are sent at a time, and rows of a band.
constexpr Index kPanel = 256;

// Calls visit(rank, begin, end) for panels of the bands of all ranks, in their order.
template <class Visit>
void for_each_panel(const ProcessGrid& grid, Index rows, Visit visit) {
  for (int rank = 0; rank < grid.ranks(); ++rank) {
    const Band band = band_of(rank, grid.ranks(), rows);
    for (Index begin = band.begin; begin < band.end; begin += kPanel) {
      visit(rank, begin, std::min(band.end, begin + kPanel));
    }
  }
}

template <class Matrix>
Matrix gathered_rows(const ProcessGrid& grid, const Matrix& band, Index rows) {
  Matrix all(grid.is_root() ? rows : 0, band.cols());
  grid.gather(std::as_bytes(std::span(band.data(), static_cast<std::size_t>(band.size()))),
              std::as_writable_bytes(std::span(all.data(), static_cast<std::size_t>(all.size()))));
  return all;
}

}  // namespace

Band band_of(int rank, int ranks, Index d_out) {
  const Index height = ceil_div(d_out, ranks);
  return {std::min(d_out, rank * height), std::min(d_out, (rank + 1) * height)};
}

MatrixD own_band(const BlockCyclic& target) {
  const ProcessGrid& grid = target.grid();
  const Band band = band_of(grid.rank(), grid.ranks(), target.rows());
  MatrixD result(band.end - band.begin, target.cols());
  for_each_panel(grid, target.rows(), [&](int rank, Index begin, Index end) {
    const MatrixD panel = target.rows_on(rank, begin, end);
    if (grid.rank() == rank) result.middleRows(begin - band.begin, end - begin) = panel.rowwise().reverse();
  });
  return result;
}

BlockCyclic from_bands(const MatrixF& band, const BlockCyclic& like) {
  const ProcessGrid& grid = like.grid();
  const Index first = band_of(grid.rank(), grid.ranks(), like.rows()).begin;
  BlockCyclic result(grid, like.rows(), like.cols(), like.block());
  for_each_panel(grid, like.rows(), [&](int rank, Index begin, Index end) {
    MatrixD panel;  // (end − begin)×d_in
    if (grid.rank() == rank) panel = band.middleRows(begin - first, end - begin).cast<double>().rowwise().reverse();
    result.set_rows(rank, begin, end, panel);
  });
  return result;
}

QuantizedWeight group_gptq(Execution& exec, const MatrixD& band, const BlockCyclic& factor, const WeightGrid& grid) {
  const ProcessGrid& ranks = factor.grid();
  const Index n = factor.rows();
  std::optional<GptqBand> gptq;
  ranks.agree([&] { gptq.emplace(exec, band, grid); });
  for (Index begin = 0; begin < n; begin += kPanel) {
    const Index end = std::min(n, begin + kPanel);
    // Rows [begin, end) of R from column `begin` on are these of L, backwards.
    MatrixD panel = factor.rows_everywhere(n - end, n - begin, n - begin);  // (end − begin)×(n − begin)
    std::reverse(panel.data(), panel.data() + panel.size());
    ranks.agree([&] { gptq->quantize(panel); });
  }
  return gptq->result();
}

QuantizedWeight gathered(const ProcessGrid& grid, const QuantizedWeight& band, Index d_out) {
  return {gathered_rows(grid, band.codes, d_out), gathered_rows(grid, band.scales, d_out)};
}

}  // namespace lrc
