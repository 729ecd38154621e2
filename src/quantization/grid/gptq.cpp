#include "lrc/quantization/grid/gptq.hpp"

#include <cblas.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <optional>

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
    const RootRows root{panel, begin};
    const Index end = begin + panel.rows();
    quantize(root, begin, end);
    if (end < target_.cols()) propagate(root, begin, end, target_.cols());
  }

 private:
  // Rows first, first + 1, ... of R from its column `first` on.
  struct RootRows {
    const MatrixD& rows;
    Index first;
    const double* at(Index i, Index j) const { return rows.data() + (i - first) * rows.cols() + (j - first); }
  };

  // Halving the span makes most of the work large products, whatever the size of the caches.
  void quantize(const RootRows& root, Index begin, Index end) {
    if (end - begin <= kLeaf) return quantize_leaf(root, begin, end);
    const Index middle = begin + ceil_div(ceil_div(end - begin, kLeaf), 2) * kLeaf;
    quantize(root, begin, middle);
    propagate(root, begin, middle, end);
    quantize(root, middle, end);
  }

  // columns[middle, end) += R[begin:middle, middle:end]ᵀ · E[begin, middle)
  void propagate(const RootRows& root, Index begin, Index middle, Index end) {
    const int root_distance = narrow<int>(root.rows.cols()), rows = narrow<int>(rows_);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, narrow<int>(end - middle), rows, narrow<int>(middle - begin),
                1.0, root.at(begin, middle), root_distance, columns_.row(begin).data(), rows, 1.0,
                columns_.row(middle).data(), rows);
  }

  void quantize_leaf(const RootRows& root, Index begin, Index end) {
    for (Index j = begin; j < end; ++j) {
      double* sums = columns_.row(j).data();
      for (Index i = begin; i < j; ++i) {
        const double* errors = columns_.row(i).data();
        const double coefficient = *root.at(i, j);
        for (Index r = 0; r < rows_; ++r) sums[r] += coefficient * errors[r];
      }
      round_column(j, *root.at(j, j), sums);
    }
  }

  // Rounds column j; `sums` holds Σ_{i<j} E_i R_ij and receives E_j.
  void round_column(Index j, double pivot, double* sums) {
    const Index group = j / grid_.group_width(target_.cols());
    const double inverse_pivot = 1.0 / pivot, lowest = grid_.lowest(), highest = grid_.highest();
    std::array<double, kRows> weights, scales, zeros{}, codes;
    for (Index r = 0; r < rows_; ++r) weights[r] = target_(first_row_ + r, j);
    for (Index r = 0; r < rows_; ++r) scales[r] = result_.scales(first_row_ + r, group);
    if (grid_.zero_points) {
      for (Index r = 0; r < rows_; ++r) zeros[r] = result_.zero_points(first_row_ + r, group);
    }
    for (Index r = 0; r < rows_; ++r) {
      double code = std::nearbyint((weights[r] + sums[r] * inverse_pivot) / scales[r]) + zeros[r];
      code = code < lowest ? lowest : code;
      code = code > highest ? highest : code;
      sums[r] = weights[r] - (code - zeros[r]) * scales[r];
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

GptqBand::GptqBand(Execution& exec, const MatrixD& target, const WeightGrid& grid)
    : exec_(exec), target_(target), grid_(grid), tiles_(static_cast<std::size_t>(ceil_div(target.rows(), kRows))) {
  FittedGrid fitted = fit_grid(exec, target, grid);
  result_ = {MatrixI8(target.rows(), target.cols()), std::move(fitted.scales), std::move(fitted.zero_points)};
}

GptqBand::~GptqBand() = default;

void GptqBand::quantize(const MatrixD& panel) {
  assert(done_ + panel.rows() <= target_.cols() && panel.cols() == target_.cols() - done_);
  const bool last = done_ + panel.rows() == target_.cols();
  exec_.for_each(std::ssize(tiles_), [&](Index i) {
    std::unique_ptr<RowTile>& tile = tiles_[static_cast<std::size_t>(i)];
    if (!tile) tile = std::make_unique<RowTile>(target_, grid_, result_, i * kRows);
    tile->quantize(done_, panel);
    if (last) tile.reset();  // of a single panel, not all are there at once
  });
  done_ += panel.rows();
}

QuantizedWeight GptqBand::result() {
  assert(done_ == target_.cols());
  return std::move(result_);
}

template <class Matrix>
QuantizedWeight gptq(Execution& exec, const Matrix& target, const Matrix& root, const WeightGrid& grid) {
  assert(root.rows() == target.cols() && root.cols() == target.cols());
  const MatrixD& rows = own_rows(target);
  std::optional<GptqBand> band;
  agree(target, [&] { band.emplace(exec, rows, grid); });
  for_each_panel(root, [&](const MatrixD& panel) { agree(target, [&] { band->quantize(panel); }); });
  return band->result();
}

template QuantizedWeight gptq(Execution&, const MatrixD&, const MatrixD&, const WeightGrid&);
template QuantizedWeight gptq(Execution&, const DistributedMatrix&, const DistributedMatrix&, const WeightGrid&);

}  // namespace lrc
