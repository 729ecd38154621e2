#include "lrc/quantization/grid/rtn.hpp"

#include <algorithm>
#include <cmath>

namespace lrc {

QuantizedWeight round_to_nearest(Execution& exec, const MatrixD& weight, const WeightGrid& grid) {
  FittedGrid fitted = fit_grid(exec, weight, grid);
  MatrixI8 codes(weight.rows(), weight.cols());
  const Index width = grid.group_width(weight.cols());
  for (Index row = 0; row < weight.rows(); ++row) {
    for (Index col = 0; col < weight.cols(); ++col) {
      const Index group = col / width;
      const int zero = grid.zero_points ? fitted.zero_points(row, group) : 0;
      const double code = std::nearbyint(weight(row, col) / fitted.scales(row, group)) + zero;
      codes(row, col) = static_cast<std::int8_t>(std::clamp<double>(code, grid.lowest(), grid.highest()));
    }
  }
  return {std::move(codes), std::move(fitted.scales), std::move(fitted.zero_points)};
}

}  // namespace lrc
