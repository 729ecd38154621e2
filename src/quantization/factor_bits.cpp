#include "lrc/quantization/factor_bits.hpp"

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

float column_scale(const MatrixD& factor, Index column) {
  double largest = 0;
  for (Index row = 0; row < factor.rows(); ++row) {
    const double size = std::abs(factor(row, column));
    if (size > largest || std::isnan(size)) largest = size;  // not a number stays one
  }
  const float scale = rounded_to(Dtype::bf16, static_cast<float>(largest / kHighest));
  if (!std::isfinite(scale))
    throw Error(fmt::format("a factor's scale of {:g} overflows bfloat16", largest / kHighest));
  return scale >= std::numeric_limits<float>::min() ? scale : 1.0F;  // zeros, or too small for a normal number
}

StoredFactor in_int8(const MatrixD& factor) {
  const Index rows = factor.rows(), k = factor.cols();
  StoredFactor result{MatrixF(rows, k), MatrixI8(rows, k), MatrixF(1, k)};
  for (Index j = 0; j < k; ++j) result.scales(0, j) = column_scale(factor, j);
  for (Index row = 0; row < rows; ++row) {
    for (Index j = 0; j < k; ++j) {
      const float scale = result.scales(0, j);
      const double code = std::clamp(std::nearbyint(factor(row, j) / scale), -kHighest, kHighest);
      result.codes(row, j) = static_cast<std::int8_t>(code);
      result.values(row, j) = static_cast<float>(code) * scale;
    }
  }
  return result;
}

}  // namespace

StoredFactor stored_factor(const MatrixD& factor, int factor_bits, Dtype half) {
  if (factor_bits == 8) return in_int8(factor);
  if (factor_bits != 16) {
    throw InputError("--factor-bits", fmt::format("{} is not supported; it may be 16 or 8", factor_bits));
  }
  StoredFactor result{MatrixF(factor.rows(), factor.cols())};
  for (Index row = 0; row < factor.rows(); ++row) {
    for (Index j = 0; j < factor.cols(); ++j) result.values(row, j) = rounded_value(half, factor(row, j));
  }
  return result;
}

}  // namespace lrc
