#include "lrc/quantization/moments/centred.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lrc/core/dtype.hpp"
#include "lrc/core/error.hpp"

namespace lrc {

namespace {

// Ten times what fp32 moments of equal tokens are off by: what a constant channel leaves is this and no input.
constexpr double kRounding = 1e-5;

}  // namespace

MatrixD centred_inputs(const MatrixD& xy, const VectorD& x_sums, const VectorD& y_sums, Index tokens) {
  assert(tokens > 0 && xy.rows() == x_sums.size() && xy.cols() == y_sums.size());
  MatrixD result = xy;
  for (Index i = 0; i < xy.rows(); ++i) {
    const double mean = x_sums(i) / static_cast<double>(tokens);
    for (Index j = 0; j < xy.cols(); ++j) result(i, j) -= mean * y_sums(j);
  }
  return result;
}

MatrixD centred(const MatrixD& xx, const VectorD& sums, Index tokens) {
  MatrixD result = centred_inputs(xx, sums, sums, tokens);
  for (Index i = 0; i < result.rows(); ++i) {
    for (Index j = 0; j < i; ++j) result(i, j) = result(j, i);
  }
  for (Index i = 0; i < result.rows(); ++i) {
    if (result(i, i) > kRounding * xx(i, i)) continue;
    result.row(i).setZero();
    result.col(i).setZero();
  }
  if (result.trace() <= kRounding * xx.trace()) result.setZero();
  return result;
}

VectorD mean_output(const MatrixD& weight, const VectorD& sums, Index tokens) {
  assert(tokens > 0 && weight.cols() == sums.size());
  VectorD output(weight.rows());
  for (Index i = 0; i < weight.rows(); ++i) {
    double sum = 0;
    for (Index j = 0; j < weight.cols(); ++j) sum += weight(i, j) * sums(j);
    output(i) = sum / static_cast<double>(tokens);
  }
  return output;
}

VectorF stored_half(const VectorD& values, const std::string& what) {
  VectorF result(values.size());
  for (Index i = 0; i < values.size(); ++i) {
    result(i) = rounded_to(Dtype::f16, static_cast<float>(values(i)));
    if (!std::isfinite(result(i)))
      throw Error(fmt::format("{}: {:g} overflows fp16; leave the inputs uncentred", what, values(i)));
  }
  return result;
}

}  // namespace lrc
