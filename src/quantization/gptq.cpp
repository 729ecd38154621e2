#include "lrc/quantization/gptq.hpp"

#include <cblas.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace lrc {
namespace {

// Rows at a time: independent of each other, side by side in vector instructions.
constexpr Index kRows = 256;
// Columns that are corrected one by one; larger spans are corrected by matrix products.
constexpr Index kLeaf = 32;

}  // namespace

// With E = W − Ŵ and H = R Rᵀ the loss is ‖E R‖², and column j of E R is E_j R_jj + Σ_{i<j} E_i R_ij: with the columns
// before j rounded, Ŵ_j is best near W_j + (Σ_{i<j} E_i R_ij) / R_jj. This is GPTQ's update, written with the factor of
// H in place of that of H⁻¹ (compare arXiv 2307.13304, the equivalence of GPTQ and LDLQ).
class GptqBand::RowTile {
 public:
  RowTile(const MatrixD& target, const WeightGrid& grid, QuantizedWeight& result, Index first_row)
      : target_(target),
        grid_(grid),
        result_(result),
        first_row_(first_row),
        rows_(std::min(kRows, target.rows() - first_row)),
        columns_(MatrixD::Zero(target.cols(), rows_)) {}

  // Columns [begin, begin + panel.rows()), and what they leave to those after.
  void quantize(Index begin, const MatrixD& panel) {
    const FactorRows factor{panel, begin};
    const Index end = begin + panel.rows();
    quantize(factor, begin, end);
    if (end < target_.cols()) propagate(factor, begin, end, target_.cols());
  }

 private:
  // Rows first, first + 1, ... of R from its column `first` on.
  struct FactorRows {
    const MatrixD& rows;
    Index first;
    const double* at(Index i, Index j) const { return rows.data() + (i - first) * rows.cols() + (j - first); }
  };

  // Halving the span makes most of the work large products, whatever the size of the caches.
  void quantize(const FactorRows& factor, Index begin, Index end) {
    if (end - begin <= kLeaf) return quantize_leaf(factor, begin, end);
    const Index middle = begin + ceil_div(ceil_div(end - begin, kLeaf), 2) * kLeaf;
    quantize(factor, begin, middle);
    propagate(factor, begin, middle, end);
    quantize(factor, middle, end);
  }

  // columns[middle, end) += R[begin:middle, middle:end]ᵀ · E[begin, middle)
  void propagate(const FactorRows& factor, Index begin, Index middle, Index end) {
    const int factor_distance = narrow<int>(factor.rows.cols()), rows = narrow<int>(rows_);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, narrow<int>(end - middle), rows, narrow<int>(middle - begin),
                1.0, factor.at(begin, middle), factor_distance, columns_.row(begin).data(), rows, 1.0,
                columns_.row(middle).data(), rows);
  }

  void quantize_leaf(const FactorRows& factor, Index begin, Index end) {
    for (Index j = begin; j < end; ++j) {
      double* sums = columns_.row(j).data();
      for (Index i = begin; i < j; ++i) {
        const double* errors = columns_.row(i).data();
        const double coefficient = *factor.at(i, j);
        for (Index r = 0; r < rows_; ++r) sums[r] += coefficient * errors[r];
      }
      round_column(j, *factor.at(j, j), sums);
    }
  }

  // Rounds column j; `sums` holds Σ_{i<j} E_i R_ij and receives E_j.
  void round_column(Index j, double pivot, double* sums) {
    const Index group = j / grid_.group_width(target_.cols());
    const double inverse_pivot = 1.0 / pivot, lowest = grid_.lowest(), highest = grid_.highest();
    std::array<double, kRows> weights, scales, codes;
    for (Index r = 0; r < rows_; ++r) weights[r] = target_(first_row_ + r, j);
    for (Index r = 0; r < rows_; ++r) scales[r] = result_.scales(first_row_ + r, group);
    for (Index r = 0; r < rows_; ++r) {
      double code = std::nearbyint((weights[r] + sums[r] * inverse_pivot) / scales[r]);
      code = code < lowest ? lowest : code;
      code = code > highest ? highest : code;
      sums[r] = weights[r] - code * scales[r];
      codes[r] = code;
    }
    for (Index r = 0; r < rows_; ++r) result_.codes(first_row_ + r, j) = static_cast<std::int8_t>(codes[r]);
  }

  const MatrixD& target_;  // d_out×d_in
  const WeightGrid& grid_;
  QuantizedWeight& result_;
  Index first_row_, rows_;
  MatrixD columns_;  // d_in×rows: E_j in row j once column j is rounded, before that the sum it starts from
};

double damping_term(const MatrixD& hessian, double damping) {
  double trace = 0;
  for (Index i = 0; i < hessian.rows(); ++i) trace += hessian(i, i);
  return damping * trace / static_cast<double>(std::max<Index>(1, hessian.rows()));
}

MatrixD damped(const MatrixD& hessian, double damping) {
  MatrixD result = hessian;
  result.diagonal().array() += damping_term(hessian, damping);
  return result;
}

GptqBand::GptqBand(Execution& exec, const MatrixD& target, const WeightGrid& grid)
    : exec_(exec),
      target_(target),
      grid_(grid),
      result_{MatrixI8(target.rows(), target.cols()), fit_scales(exec, target, grid)} {
  for (Index row = 0; row < target.rows(); row += kRows) {
    tiles_.push_back(std::make_unique<RowTile>(target_, grid_, result_, row));
  }
}

GptqBand::~GptqBand() = default;

void GptqBand::quantize(const MatrixD& panel) {
  assert(done_ + panel.rows() <= target_.cols() && panel.cols() == target_.cols() - done_);
  exec_.for_each(std::ssize(tiles_),
                 [&](Index tile) { tiles_[static_cast<std::size_t>(tile)]->quantize(done_, panel); });
  done_ += panel.rows();
}

QuantizedWeight GptqBand::result() {
  assert(done_ == target_.cols());
  return std::move(result_);
}

QuantizedWeight gptq(Execution& exec, const MatrixD& target, const MatrixD& factor, const WeightGrid& grid) {
  assert(factor.rows() == target.cols() && factor.cols() == target.cols());
  QuantizedWeight result{MatrixI8(target.rows(), target.cols()), fit_scales(exec, target, grid)};
  exec.for_each(ceil_div(target.rows(), kRows),
                [&](Index tile) { GptqBand::RowTile(target, grid, result, tile * kRows).quantize(0, factor); });
  return result;
}

}  // namespace lrc
