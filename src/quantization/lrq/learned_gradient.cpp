// The way back through a learned weight.
#include <algorithm>
#include <cassert>

#include "lrc/linalg/gemm.hpp"
#include "lrc/linalg/lanes.hpp"
#include "lrc/quantization/lrq/learned_weight.hpp"

namespace lrc {
namespace {

constexpr Index kColumnTile = 256;
constexpr Index kPanel = 1024;  // rows of which the ratios are there at a time: tiles enough for the threads

// Σ_i m_ij of each column (1×d_in), in the order of the rows.
MatrixF column_sums(Execution& exec, const MatrixF& m) {
  MatrixF sums(1, m.cols());
  exec.for_each(ceil_div(m.cols(), kColumnTile), [&](Index tile) {
    const Index first = tile * kColumnTile, size = std::min(kColumnTile, m.cols() - first);
    std::vector<double> partial(static_cast<std::size_t>(size), 0.0);  // size
    for (Index row = 0; row < m.rows(); ++row) {
      const float* values = m.data() + row * m.cols() + first;
      for (Index j = 0; j < size; ++j) partial[j] += values[j];
    }
    for (Index j = 0; j < size; ++j) sums(0, first + j) = static_cast<float>(partial[j]);
  });
  return sums;
}

}  // namespace

// `by_values` becomes the gradient by A, or that by the logarithms S2 or L2·U2, and those by d1 and r2 are summed up.
void LearnedWeight::differentiate(Execution& exec, MatrixF& by_values, std::vector<MatrixF>& gradients) const {
  const Index panel = std::min(kPanel, d_out());
  MatrixF ratios(panel, d_in());
  for (Index begin = 0; begin < d_out(); begin += panel) {
    const Index rows = std::min(panel, d_out() - begin);
    scalings(exec, begin, ratios.topRows(rows));
    exec.for_each(rows, [&](Index r) {
      const Index row = begin + r;
      float* x = ratios.data() + r * d_in();
      float* by = by_values.data() + row * d_in();
      to_ratios(row, x);
      if (form_ != LearnedForm::additive) {
        gradients[kD1](row, 0) = differentiate_scaling(rounding(row, 0), d_in(), x, by);
        gradients[form_ == LearnedForm::full ? kFullR2 : kR2](row, 0) = lane_sum(by, d_in());
        return;
      }
      for (Index group = 0; group < groups(); ++group) {
        const Index first = first_of(group), size = first_of(group + 1) - first;
        differentiate_rounding(rounding(row, group), size, x + first, by + first);
      }
    });
  }
}

std::vector<MatrixF> LearnedWeight::gradient(Execution& exec, MatrixF by_values) const {
  assert(by_values.rows() == d_out() && by_values.cols() == d_in());
  std::vector<MatrixF> gradients(parameters_.size());
  const bool low_rank = form_ == LearnedForm::low_rank;
  const std::size_t whole = form_ == LearnedForm::full ? kS2 : kA;  // what by_values becomes
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    if (low_rank || k != whole) gradients[k].resize(parameter(k).rows(), parameter(k).cols());
  }
  differentiate(exec, by_values, gradients);
  if (low_rank) {
    gemm(exec, Op::none, Op::transpose, 1.0F, by_values, parameter(kU2), 0.0F, gradients[kL2]);
    gemm(exec, Op::transpose, Op::none, 1.0F, parameter(kL2), by_values, 0.0F, gradients[kU2]);
    gradients[kC2] = column_sums(exec, by_values);
  } else {
    gradients[whole] = std::move(by_values);
  }
  return gradients;
}

LearnedWeightBytes learned_weight_bytes(LearnedForm form, Index d_out, Index d_in, Index rank) {
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in), r = static_cast<double>(rank);
  constexpr double kFloat = sizeof(float);
  const double parameters = form == LearnedForm::low_rank ? (rows + cols) * (r + 1) + rows
                            : form == LearnedForm::full   ? rows * cols + 2 * rows
                                                          : rows * cols;
  return {.weight = kFloat * rows * cols,
          .parameters = kFloat * parameters,
          .temporaries = kFloat * std::min<double>(rows, kPanel) * cols};
}

}  // namespace lrc
