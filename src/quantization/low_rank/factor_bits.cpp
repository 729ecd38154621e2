#include "lrc/quantization/low_rank/factor_bits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lrc {
namespace {

constexpr double kHighest = 127;

float rounded_value(Dtype half, double value) {
  const float rounded = rounded_to(half, static_cast<float>(value));
  if (!std::isfinite(rounded)) throw Error(fmt::format("a factor's value of {:g} overflows {}", value, name_of(half)));
  return rounded;
}

float scale_of(double largest) {
  const float scale = rounded_to(Dtype::bf16, static_cast<float>(largest / kHighest));
  if (!std::isfinite(scale))
    throw Error(fmt::format("a factor's scale of {:g} overflows bfloat16", largest / kHighest));
  return scale >= std::numeric_limits<float>::min() ? scale : 1.0F;  // zeros, or too small for a normal number
}

// `rows` (any×k) of a factor whose columns' largest values are `largest` (k).
StoredFactor in_int8(const MatrixD& rows, const VectorD& largest) {
  const Index k = rows.cols();
  StoredFactor result{MatrixF(rows.rows(), k), MatrixI8(rows.rows(), k), MatrixF(1, k)};
  for (Index j = 0; j < k; ++j) result.scales(0, j) = scale_of(largest(j));
  for (Index row = 0; row < rows.rows(); ++row) {
    for (Index j = 0; j < k; ++j) {
      const float scale = result.scales(0, j);
      const double code = std::clamp(std::nearbyint(rows(row, j) / scale), -kHighest, kHighest);
      result.codes(row, j) = static_cast<std::int8_t>(code);
      result.values(row, j) = static_cast<float>(code) * scale;
    }
  }
  return result;
}

StoredFactor in_half(const MatrixD& rows, Dtype half) {
  StoredFactor result{MatrixF(rows.rows(), rows.cols())};
  for (Index row = 0; row < rows.rows(); ++row) {
    for (Index j = 0; j < rows.cols(); ++j) result.values(row, j) = rounded_value(half, rows(row, j));
  }
  return result;
}

}  // namespace

template <class Matrix>
StoredFactor stored_factor(const Matrix& factor, int factor_bits, Dtype half) {
  if (factor_bits != 8 && factor_bits != 16)
    throw InputError("factor bits", fmt::format("{} is not supported; it may be 16 or 8", factor_bits));
  const MatrixD& rows = own_rows(factor);
  const VectorD largest = factor_bits == 8 ? column_maxima(factor) : VectorD();
  StoredFactor result;
  agree(factor, [&] { result = factor_bits == 8 ? in_int8(rows, largest) : in_half(rows, half); });
  return result;
}

template StoredFactor stored_factor(const MatrixD&, int, Dtype);
template StoredFactor stored_factor(const DistributedMatrix&, int, Dtype);

}  // namespace lrc
