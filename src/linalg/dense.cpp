#include "lrc/linalg/dense.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>

namespace lrc {
namespace {

// Σ a_i b_i in an order that does not depend on where the arrays lie in memory.
double dot(const double* a, const double* b, Index size) {
  constexpr Index kLanes = 16;
  std::array<double, kLanes> lanes{};
  Index i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (Index lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (Index lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i];
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

MatrixD zeros(const MatrixD& /*like*/, Index rows, Index cols) { return MatrixD::Zero(rows, cols); }

MatrixD transposed(Execution& /*exec*/, const MatrixD& a) { return a.transpose(); }

MatrixD symmetric_sum(Execution& exec, const MatrixD& a, const MatrixD& b) {
  assert(a.rows() == b.rows() && a.cols() == b.cols());
  MatrixD left(a.rows(), 2 * a.cols()), right(a.rows(), 2 * a.cols());  // [a b] and [b a]
  left << a, b;
  right << b, a;
  return symmetric_product(exec, left, right, Op::none, Op::transpose);
}

void add(Execution& /*exec*/, double alpha, const MatrixD& a, MatrixD& c) {
  assert(a.rows() == c.rows() && a.cols() == c.cols());
  c += alpha * a;
}

void scale(Execution& /*exec*/, double alpha, MatrixD& c) { c *= alpha; }

void scale_rows(Execution& /*exec*/, const VectorD& scales, MatrixD& c) {
  assert(scales.size() == c.rows());
  for (Index row = 0; row < c.rows(); ++row) c.row(row) *= scales(row);
}

void scale_columns(Execution& /*exec*/, const VectorD& scales, MatrixD& c) {
  assert(scales.size() == c.cols());
  for (Index row = 0; row < c.rows(); ++row) {
    for (Index col = 0; col < c.cols(); ++col) c(row, col) = scales(col) == 0 ? 0.0 : c(row, col) * scales(col);
  }
}

void divide_columns(Execution& /*exec*/, const VectorD& divisors, MatrixD& c) {
  assert(divisors.size() == c.cols());
  for (Index row = 0; row < c.rows(); ++row) c.row(row).array() /= divisors.transpose().array();
}

void set_diagonal(Execution& /*exec*/, const VectorD& values, MatrixD& c) {
  assert(values.size() == c.rows() && c.rows() == c.cols());
  c.diagonal() = values;
}

VectorD row_products(Execution& /*exec*/, const MatrixD& a, const MatrixD& b) {
  assert(a.rows() == b.rows() && a.cols() == b.cols());
  VectorD result(a.rows());
  for (Index row = 0; row < a.rows(); ++row) result(row) = dot(a.row(row).data(), b.row(row).data(), a.cols());
  return result;
}

VectorD column_squares(Execution& /*exec*/, const MatrixD& a) {
  VectorD sums = VectorD::Zero(a.cols());
  for (Index row = 0; row < a.rows(); ++row) {
    for (Index col = 0; col < a.cols(); ++col) sums(col) += a(row, col) * a(row, col);
  }
  return sums;
}

VectorD column_maxima(const MatrixD& a) {
  VectorD largest = VectorD::Zero(a.cols());
  for (Index row = 0; row < a.rows(); ++row) {
    for (Index col = 0; col < a.cols(); ++col) {
      const double size = std::isnan(a(row, col)) ? std::numeric_limits<double>::infinity() : std::abs(a(row, col));
      largest(col) = std::max(largest(col), size);
    }
  }
  return largest;
}

bool is_finite(const MatrixD& a) { return a.allFinite(); }

MatrixD from_own_rows(const MatrixD& /*like*/, [[maybe_unused]] Index rows, const MatrixF& own) {
  assert(own.rows() == rows);
  return own.cast<double>();
}

void for_each_panel(const MatrixD& t, const std::function<void(const MatrixD& panel)>& visit) { visit(t); }

}  // namespace lrc
