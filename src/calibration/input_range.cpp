#include "lrc/calibration/input_range.hpp"

#include "lrc/linalg/lanes.hpp"
#include "lrc/model/forward/rows.hpp"

namespace lrc {

void InputRange::include(Execution& exec, const ConstViewF& x) {
  if (x.size() == 0) return;
  VectorF least(x.rows()), greatest(x.rows());  // of each token
  for_each_row(exec, x.rows(), [&](Index token) {
    const float* values = x.data() + token * x.outerStride();
    least[token] = lane_min(values, x.cols());
    greatest[token] = lane_max(values, x.cols());
  });
  lowest = std::min(lowest, least.minCoeff());
  highest = std::max(highest, greatest.maxCoeff());
}

InputRange range_of_all(const Communicator& world, InputRange mine) {
  const double lowest = -world.max(-static_cast<double>(mine.lowest)),
               highest = world.max(static_cast<double>(mine.highest));
  return {static_cast<float>(lowest), static_cast<float>(highest)};
}

}  // namespace lrc
