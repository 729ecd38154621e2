#include "lrc/quantization/code_descent.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lrc/core/dtype.hpp"
#include "lrc/linalg/gemm.hpp"

namespace lrc {
namespace {

constexpr Index kRows = 64;  // a tile of rows and their gradients stay in the cache while H passes by

// The state of a descent: `gradient` = (T − Ŵ) H (d_out×d_in), half of what L falls by for a step in Ŵ.
struct Descent {
  ThreadPool& pool;
  const MatrixD& hessian;  // d_in×d_in
  const WeightGrid& grid;
  QuantizedWeight& quantized;
  MatrixD gradient;
};

// A change of L for a step δ·w of one row: δ² w H wᵀ − 2 δ ⟨w, gradient⟩.
double change(double step, double curvature, double slope) { return step * (step * curvature - 2 * slope); }

// Scales of one group of columns [begin, end).
void move_scales(Descent& d, Index group, Index begin, Index end) {
  const Index rows = d.gradient.rows();
  MatrixD values(rows, end - begin);  // Ŵ of the group
  for (Index i = 0; i < rows; ++i) {
    values.row(i) = d.quantized.codes.row(i).segment(begin, end - begin).cast<double>() *
                    static_cast<double>(d.quantized.scales(i, group));
  }
  const MatrixD moved = product(d.pool, values, MatrixD(d.hessian.middleRows(begin, end - begin)));  // d_out×d_in
  d.pool.for_each(ceil_div(rows, kRows), [&](Index tile) {
    for (Index i = tile * kRows; i < std::min(rows, (tile + 1) * kRows); ++i) {
      double slope = 0, curvature = 0;
      for (Index j = begin; j < end; ++j) {
        slope += values(i, j - begin) * d.gradient(i, j);
        curvature += values(i, j - begin) * moved(i, j);
      }
      if (!(curvature > 0)) continue;
      float& scale = d.quantized.scales(i, group);
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

}  // namespace

void descend(ThreadPool& pool, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid, Index sweeps,
             QuantizedWeight& quantized) {
  const Index rows = target.rows(), cols = target.cols(), width = grid.group_width(cols);
  assert(factor.rows() == cols && factor.cols() == cols);
  assert(quantized.codes.rows() == rows && quantized.codes.cols() == cols);
  MatrixD upper = factor.triangularView<Eigen::Upper>();
  const MatrixD hessian = symmetric_product(pool, upper, upper, Op::none, Op::transpose);
  const MatrixD error =
      target - dequantized(quantized.codes, quantized.scales, grid.group_size).cast<double>();  // d_out×d_in
  Descent descent{pool, hessian, grid, quantized, product(pool, error, hessian)};
  for (Index sweep = 0; sweep < sweeps; ++sweep) {
    for (Index group = 0; group < grid.groups(cols); ++group)
      move_scales(descent, group, group * width, std::min(cols, (group + 1) * width));
    pool.for_each(ceil_div(rows, kRows),
                  [&](Index tile) { move_codes(descent, tile * kRows, std::min(rows, (tile + 1) * kRows)); });
  }
}

QuantizedWeight gptq_and_descent(ThreadPool& pool, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid,
                                 Index sweeps) {
  QuantizedWeight quantized = gptq(pool, target, factor, grid);
  if (sweeps > 0) descend(pool, target, factor, grid, sweeps, quantized);
  return quantized;
}

double descent_workspace_bytes(Index d_out, Index d_in) {
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  return sizeof(double) * (2 * cols * cols + 3 * rows * cols);
}

}  // namespace lrc
