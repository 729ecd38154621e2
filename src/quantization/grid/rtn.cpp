#include "lrc/quantization/grid/rtn.hpp"

#include <algorithm>
#include <cmath>

namespace lrc {

QuantizedWeight round_to_nearest(Execution& exec, const MatrixD& weight, const WeightGrid& grid) {
  QuantizedWeight result{MatrixI8(weight.rows(), weight.cols()), fit_scales(exec, weight, grid)};
  const Index width = grid.group_width(weight.cols());
  for (Index row = 0; row < weight.rows(); ++row) {
    for (Index col = 0; col < weight.cols(); ++col) {
      const double code = std::nearbyint(weight(row, col) / result.scales(row, col / width));
      result.codes(row, col) = static_cast<std::int8_t>(std::clamp<double>(code, grid.lowest(), grid.highest()));
    }
  }
  return result;
}

}  // namespace lrc
