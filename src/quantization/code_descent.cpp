#include "lrc/quantization/code_descent.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lrc/core/dtype.hpp"
#include "lrc/linalg/triangular.hpp"

namespace lrc {
namespace {

// Rows don't know of each other: a band of them at a time, so that little is held beside H. The gradients of a tile
// stay in the cache while H passes by.
constexpr Index kBand = 1024, kTile = 32;

// A band's descent: `goal` = T H and `gradient` = (T − Ŵ) H (rows×d_in), half of what L falls by for a step in Ŵ.
struct Descent {
  ThreadPool& pool;
  const MatrixD& hessian;  // d_in×d_in
  const WeightGrid& grid;
  QuantizedWeight quantized;  // of the band
  MatrixD goal, gradient;     // goal: empty with groups of weights, which have no use for it
};

// A change of L for a step δ·w of one row: δ² w H wᵀ − 2 δ ⟨w, gradient⟩.
double change(double step, double curvature, double slope) { return step * (step * curvature - 2 * slope); }

// Ŵ_g H for one group of columns [begin, end): rows×d_in. Where it is all columns, no product is needed.
MatrixD moved_by(const Descent& d, Index group, Index begin, Index end) {
  const Index rows = d.gradient.rows();
  if (end - begin == d.gradient.cols()) return d.goal - d.gradient;
  MatrixD values(rows, end - begin);  // Ŵ_g
  for (Index i = 0; i < rows; ++i) {
    values.row(i) = d.quantized.codes.row(i).segment(begin, end - begin).cast<double>() *
                    static_cast<double>(d.quantized.scales(i, group));
  }
  return product(d.pool, values, d.hessian.middleRows(begin, end - begin));
}

// Scales of one group of columns [begin, end).
void move_scales(Descent& d, Index group, Index begin, Index end) {
  const Index rows = d.gradient.rows();
  const MatrixD moved = moved_by(d, group, begin, end);  // rows×d_in
  d.pool.for_each(ceil_div(rows, kTile), [&](Index tile) {
    for (Index i = tile * kTile; i < std::min(rows, (tile + 1) * kTile); ++i) {
      float& scale = d.quantized.scales(i, group);
      double slope = 0, curvature = 0;
      for (Index j = begin; j < end; ++j) {
        const double value = static_cast<double>(d.quantized.codes(i, j)) * static_cast<double>(scale);
        slope += value * d.gradient(i, j);
        curvature += value * moved(i, j);
      }
      if (!(curvature > 0)) continue;
      const float best = rounded_to(Dtype::bf16, static_cast<float>(scale * (1 + slope / curvature)));
      const double step = static_cast<double>(best) / static_cast<double>(scale) - 1;
      if (!(best > 0) || !(change(step, curvature, slope) < 0)) continue;
      scale = best;
      d.gradient.row(i) -= step * moved.row(i);
    }
  });
}

// Codes of the rows [first, last), column by column.
void move_codes(Descent& d, Index first, Index last) {
  const Index cols = d.gradient.cols(), width = d.grid.group_width(cols);
  const double lowest = d.grid.lowest(), highest = d.grid.highest();
  for (Index j = 0; j < cols; ++j) {
    const auto row_of_h = d.hessian.row(j);
    for (Index i = first; i < last; ++i) {
      const double scale = static_cast<double>(d.quantized.scales(i, j / width));
      const double code = d.quantized.codes(i, j);
      const double wanted = code + d.gradient(i, j) / (d.hessian(j, j) * scale);
      const double next = std::clamp(std::nearbyint(wanted), lowest, highest);
      if (next == code) continue;
      d.quantized.codes(i, j) = static_cast<std::int8_t>(next);
      d.gradient.row(i) -= (next - code) * scale * row_of_h;
    }
  }
}

void sweep(Descent& d) {
  const Index rows = d.gradient.rows(), cols = d.gradient.cols(), width = d.grid.group_width(cols);
  for (Index group = 0; group < d.grid.groups(cols); ++group)
    move_scales(d, group, group * width, std::min(cols, (group + 1) * width));
  d.pool.for_each(ceil_div(rows, kTile),
                  [&](Index tile) { move_codes(d, tile * kTile, std::min(rows, (tile + 1) * kTile)); });
}

// R Rᵀ
MatrixD squared(ThreadPool& pool, const MatrixD& factor) {
  MatrixD hessian = factor.triangularView<Eigen::Upper>();
  multiply_upper(pool, Op::transpose, factor, hessian);
  return hessian;
}

}  // namespace

void descend(ThreadPool& pool, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid, Index sweeps,
             QuantizedWeight& quantized) {
  assert(factor.rows() == target.cols() && factor.cols() == target.cols());
  assert(quantized.codes.rows() == target.rows() && quantized.codes.cols() == target.cols());
  const MatrixD hessian = squared(pool, factor);
  for (Index first = 0; first < target.rows(); first += kBand) {
    const Index rows = std::min(kBand, target.rows() - first);
    Descent band{pool,
                 hessian,
                 grid,
                 {quantized.codes.middleRows(first, rows), quantized.scales.middleRows(first, rows)},
                 grid.groups(target.cols()) == 1 ? product(pool, target.middleRows(first, rows), hessian) : MatrixD(),
                 {}};
    const MatrixF values = dequantized(band.quantized.codes, band.quantized.scales, grid.group_size);
    band.gradient = product(pool, target.middleRows(first, rows) - values.cast<double>(), hessian);
    for (Index i = 0; i < sweeps; ++i) sweep(band);
    quantized.codes.middleRows(first, rows) = band.quantized.codes;
    quantized.scales.middleRows(first, rows) = band.quantized.scales;
  }
}

QuantizedWeight gptq_and_descent(ThreadPool& pool, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid,
                                 Index sweeps) {
  QuantizedWeight quantized = gptq(pool, target, factor, grid);
  if (sweeps > 0) descend(pool, target, factor, grid, sweeps, quantized);
  return quantized;
}

double descent_workspace_bytes(Index d_out, Index d_in) {
  const auto rows = static_cast<double>(std::min(d_out, kBand)), cols = static_cast<double>(d_in);
  return sizeof(double) * (cols * cols + 4 * rows * cols);
}

}  // namespace lrc
