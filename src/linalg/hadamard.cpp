#include "lrc/linalg/hadamard.hpp"

#include <cblas.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <numbers>

#include "lrc/linalg/hadamard_matrix.hpp"
#include "lrc/linalg/hadamard_walsh.hpp"
#include "lrc/linalg/random.hpp"

namespace lrc {
namespace {

constexpr Index kRowTile = 16;     // rows that a thread takes at a time
constexpr Index kColumnTile = 32;  // columns that are transposed together

// The DCT-II of the order, C Cᵀ = order·I.
MatrixD cosine_matrix(Index order) {
  MatrixD matrix(order, order);
  const auto n = static_cast<double>(order);
  for (Index i = 0; i < order; ++i) {
    for (Index j = 0; j < order; ++j) {
      // The angle is a multiple of π/2n; whole turns are taken off as integers, where that is exact.
      const auto angle = static_cast<double>((2 * i + 1) * j % (4 * order));
      matrix(i, j) = j == 0 ? 1.0 : std::numbers::sqrt2 * std::cos(std::numbers::pi / (2 * n) * angle);
    }
  }
  return matrix;
}

MatrixD kronecker(const MatrixD& a, const MatrixD& b) {
  MatrixD product(a.rows() * b.rows(), a.cols() * b.cols());
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) product.block(i * b.rows(), j * b.cols(), b.rows(), b.cols()) = a(i, j) * b;
  }
  return product;
}

void multiply(CBLAS_TRANSPOSE op, const MatrixF& d, int columns, const float* x, float* y) {
  const int n = static_cast<int>(d.rows());
  cblas_sgemm(CblasRowMajor, op, CblasNoTrans, n, columns, n, 1.0F, d.data(), n, x, columns, 0.0F, y, columns);
}

void multiply(CBLAS_TRANSPOSE op, const MatrixD& d, int columns, const double* x, double* y) {
  const int n = static_cast<int>(d.rows());
  cblas_dgemm(CblasRowMajor, op, CblasNoTrans, n, columns, n, 1.0, d.data(), n, x, columns, 0.0, y, columns);
}

// row ← row (I ⊗ op(D)ᵀ ⊗ I): each stretch of it is a matrix (order of D × stride) that D multiplies from the left.
template <class Scalar, class Dense>
void apply_factor(CBLAS_TRANSPOSE op, const Dense& d, Index stride, Scalar* row, Index size, Scalar* scratch) {
  const Index stretch = d.rows() * stride;
  for (Index first = 0; first < size; first += stretch) {
    std::copy_n(row + first, stretch, scratch);
    multiply(op, d, narrow<int>(stride), scratch, row + first);
  }
}

template <class Matrix, class View>
void rotate_column_tiles(const HadamardTransform& transform, View& matrix) {
  assert(matrix.rows() == transform.order());
  for (Index first = 0; first < matrix.cols(); first += kColumnTile) {
    auto columns = matrix.middleCols(first, std::min(kColumnTile, matrix.cols() - first));
    Matrix rows = columns.transpose();  // up to kColumnTile × order
    transform.apply(rows);
    columns = rows.transpose();
  }
}

}  // namespace

HadamardTransform::HadamardTransform(Index order) : order_(order), sylvester_order_(order) {
  assert(order >= 1);
  if (const auto factors = paley_factors(order)) {
    for (const Index factor : *factors) add_factor(paley_matrix(factor).cast<double>(), paley_description(factor));
  } else {
    const Index odd_part = order >> std::countr_zero(static_cast<std::uint64_t>(order));
    if (odd_part > kLargestDenseOrder) {
      throw InputError(
          fmt::format("rotation of {} channels", order),
          fmt::format("no Hadamard matrix with factors of up to {0} is known to us, and the odd part, {1}, "
                      "exceeds {0} too; such a model can't be rotated",
                      kLargestDenseOrder, odd_part));
    }
    add_factor(cosine_matrix(odd_part), fmt::format("DCT-II {}", odd_part));
  }
  description_ += fmt::format("Sylvester {}", sylvester_order_);
}

void HadamardTransform::add_factor(const MatrixD& matrix, const std::string& description) {
  sylvester_order_ /= matrix.rows();  // what is left for Sylvester, or for the factors to come
  factors_.push_back({.exact = matrix, .rounded = matrix.cast<float>(), .stride = sylvester_order_});
  description_ += description + " ⊗ ";
}

template <class View>
void HadamardTransform::transform(View& rows, Side side) const {
  using Scalar = typename View::Scalar;
  assert(rows.cols() == order_);
  const CBLAS_TRANSPOSE op = side == Side::plain ? CblasTrans : CblasNoTrans;
  const auto scale = static_cast<Scalar>(1 / std::sqrt(static_cast<double>(order_)));
  std::vector<Scalar> scratch(factors_.empty() ? 0 : order_);
  for (Index i = 0; i < rows.rows(); ++i) {
    Scalar* row = rows.data() + i * rows.outerStride();
    for (Index j = 0; j < order_; ++j) row[j] *= scale;
    for (Index j = 0; j < order_; j += sylvester_order_) walsh_hadamard(row + j, sylvester_order_);
    for (const Factor& factor : factors_) {
      if constexpr (std::is_same_v<Scalar, float>) {
        apply_factor(op, factor.rounded, factor.stride, row, order_, scratch.data());
      } else {
        apply_factor(op, factor.exact, factor.stride, row, order_, scratch.data());
      }
    }
  }
}

void HadamardTransform::apply(ViewF rows) const { transform(rows, Side::plain); }
void HadamardTransform::apply(ViewD rows) const { transform(rows, Side::plain); }
void HadamardTransform::apply_transposed(ViewF rows) const { transform(rows, Side::transposed); }
void HadamardTransform::apply_transposed(ViewD rows) const { transform(rows, Side::transposed); }

MatrixD HadamardTransform::dense() const {
  MatrixD matrix = MatrixD::Constant(1, 1, 1 / std::sqrt(static_cast<double>(order_)));
  for (const Factor& factor : factors_) matrix = kronecker(matrix, factor.exact);
  return kronecker(matrix, sylvester_matrix(sylvester_order_).cast<double>());
}

void apply_rows(Execution& exec, const HadamardTransform& transform, ViewF rows) {
  exec.for_each(ceil_div(rows.rows(), kRowTile), [&](Index tile) {
    const Index first = tile * kRowTile;
    transform.apply(rows.middleRows(first, std::min(kRowTile, rows.rows() - first)));
  });
}

void apply_rows_transposed(Execution& exec, const HadamardTransform& transform, ViewF rows) {
  exec.for_each(ceil_div(rows.rows(), kRowTile), [&](Index tile) {
    const Index first = tile * kRowTile;
    transform.apply_transposed(rows.middleRows(first, std::min(kRowTile, rows.rows() - first)));
  });
}

void rotate_columns(const HadamardTransform& transform, ViewF matrix) {
  rotate_column_tiles<MatrixF>(transform, matrix);
}
void rotate_columns(const HadamardTransform& transform, ViewD matrix) {
  rotate_column_tiles<MatrixD>(transform, matrix);
}

VectorD random_signs(Index n, std::uint64_t seed, std::uint64_t stream) {
  VectorD signs(n);
  RandomBits bits(seed, stream);
  for (Index i = 0; i < n; ++i) signs[i] = bits.next() >> 63U == 0 ? 1.0 : -1.0;
  return signs;
}

}  // namespace lrc
