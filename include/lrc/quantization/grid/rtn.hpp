// Round to nearest.
#pragma once

#include "lrc/quantization/grid/grid.hpp"

namespace lrc {

/// `weight` (d_out×d_in) rounded to the grid of fit_grid, every weight by itself.
QuantizedWeight round_to_nearest(Execution& exec, const MatrixD& weight, const WeightGrid& grid);

}  // namespace lrc
