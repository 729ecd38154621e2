#include "lrc/calibration/channel_sums.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <functional>

#include "lrc/model/forward/rows.hpp"

namespace lrc {
namespace {

constexpr Index kChannelTile = 128;

// Calls tile(first, end) for all channels.
void for_each_channels(Execution& exec, Index channels, const std::function<void(Index, Index)>& tile) {
  exec.for_each(ceil_div(channels, kChannelTile),
                [&](Index i) { tile(i * kChannelTile, std::min(channels, (i + 1) * kChannelTile)); });
}

const float* row_of(const ConstViewF& matrix, Index row) { return matrix.data() + row * matrix.outerStride(); }

void add_inputs(const float* x, Index size, double* sum, double* squares) {
  for (Index j = 0; j < size; ++j) {
    const auto value = static_cast<double>(x[j]);
    sum[j] += value;
    squares[j] += value * value;
  }
}

void add_outputs(const float* x, const float* y, Index size, double* products, double* squares) {
  for (Index j = 0; j < size; ++j) {
    const auto from = static_cast<double>(x[j]), to = static_cast<double>(y[j]);
    products[j] += from * to;
    squares[j] += to * to;
  }
}

// Of each token the extremes of its groups (activation_quantizer.hpp): tokens×extremes.
MatrixF extremes_of(Execution& exec, const ConstViewF& x, const ActivationQuantizer& quantizer) {
  MatrixF extremes(x.rows(), quantizer.extremes(x.cols()));
  for_each_row(exec, x.rows(), [&](Index token) {
    quantizer.find_extremes(row_of(x, token), x.cols(), extremes.data() + token * extremes.cols());
  });
  return extremes;
}

}  // namespace

ChannelSums::ChannelSums(Index channels)
    : x(VectorD::Zero(channels)),
      xx(VectorD::Zero(channels)),
      xy(VectorD::Zero(channels)),
      yy(VectorD::Zero(channels)) {}

ChannelSums channel_sums(Execution& exec, const ConstViewF& x, const ConstViewF& y) {
  assert(y.cols() == x.cols() && y.rows() == x.rows());
  ChannelSums sums(x.cols());
  for_each_channels(exec, x.cols(), [&](Index first, Index end) {
    for (Index token = 0; token < x.rows(); ++token) {
      const float *from = row_of(x, token) + first, *to = row_of(y, token) + first;
      add_inputs(from, end - first, &sums.x[first], &sums.xx[first]);
      add_outputs(from, to, end - first, &sums.xy[first], &sums.yy[first]);
    }
  });
  return sums;
}

ChannelSums channel_sums(Execution& exec, const ConstViewF& x, const ActivationQuantizer& quantizer) {
  ChannelSums sums(x.cols());
  const MatrixF extremes = extremes_of(exec, x, quantizer);
  for_each_channels(exec, x.cols(), [&](Index first, Index end) {
    std::array<float, kChannelTile> y;  // a token's part
    for (Index token = 0; token < x.rows(); ++token) {
      const float* from = row_of(x, token);
      std::copy(from + first, from + end, y.begin());
      quantizer.apply(y.data(), first, end, extremes.data() + token * extremes.cols());
      add_outputs(from + first, y.data(), end - first, &sums.xy[first], &sums.yy[first]);
      add_inputs(from + first, end - first, &sums.x[first], &sums.xx[first]);
    }
  });
  return sums;
}

}  // namespace lrc
