#include "lrc/quantization/grid/asymmetric_range.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "lrc/core/types.hpp"
#include "lrc/linalg/lanes.hpp"
#include "lrc/quantization/grid/error_power.hpp"

namespace lrc {
namespace {

constexpr int kRanges = 100;
constexpr double kLeastScale = 1e-8;
constexpr Index kLanes = 16;
constexpr int kSteps = 3;  // of fifth_root: ranges next to each other differ by little

struct Ends {
  double least = 0, largest = 0;  // of the weights and 0
};

Ends ends_of(std::span<const float> weights) {
  Ends ends;
  for (const float w : weights) {
    ends.least = std::min<double>(ends.least, w);
    ends.largest = std::max<double>(ends.largest, w);
  }
  return ends;
}

float scale_of(const Ends& ends, int percent, int bits) {
  const double range = (ends.largest - ends.least) * percent / kRanges;
  return static_cast<float>(std::max(range / ((1 << bits) - 1), kLeastScale));
}

// Sorted weights in units of a step, whole lanes of them, and what rounding each of them costs.
class SortedWeights {
 public:
  explicit SortedWeights(std::span<const float> weights)
      : weights_(static_cast<std::size_t>(ceil_div(std::ssize(weights), kLanes) * kLanes), INFINITY),
        units_(weights_.size()),
        mirrored_(weights_.size(), INFINITY),
        costs_(weights_.size()),
        size_(std::ssize(weights)) {
    std::copy(weights.begin(), weights.end(), weights_.begin());
    std::sort(weights_.begin(), weights_.end());
  }

  void measure_in(float step) {
    for (std::size_t i = 0; i < weights_.size(); ++i) units_[i] = weights_[i] / step;
    for (Index i = 0; i < size_; ++i) mirrored_[i] = -units_[size_ - 1 - i];
    has_costs_ = false;
  }

  double least() const { return units_[0]; }
  double largest() const { return units_[size_ - 1]; }

  // Σ |x − q(x)|^2.4, q(x) = clamp(round(x), lowest, highest); stops where it has passed `enough`. What is beyond the
  // grid costs most, and most of all at the ends: it decides about most grids.
  double cost(float lowest, float highest, double enough) {
    double sum = cost_below(units_, lowest, enough);
    if (sum <= enough) sum += cost_below(mirrored_, -highest, enough - sum);
    if (sum <= enough) sum += cost_inside(lowest, highest);
    return sum;
  }

 private:
  // Σ (bound − x)^2.4 over the sorted x below the bound.
  static double cost_below(const std::vector<float>& x, float bound, double enough) {
    const Index size = std::ssize(x);
    double sum = 0;
    std::array<float, kLanes> costs;
    for (Index begin = 0; begin < size && x[begin] < bound && sum <= enough; begin += kLanes) {
      for (Index lane = 0; lane < kLanes; ++lane) {
        float error = bound - x[begin + lane];
        error = error > 0 ? error : 0;
        costs[lane] = error_power<kSteps>(error * error);
      }
      sum += lane_sum(costs.data(), kLanes);
    }
    return sum;
  }

  // Of the x between them.
  double cost_inside(float lowest, float highest) {
    if (!has_costs_) find_costs();
    const auto begin = std::upper_bound(units_.begin(), units_.end(), lowest);
    const auto end = std::lower_bound(begin, units_.end(), highest);
    return lane_sum(costs_.data() + (begin - units_.begin()), end - begin);
  }

  void find_costs() {
    for (Index i = 0; i < size_; ++i) {
      const float error = units_[i] - rounded(units_[i]);
      costs_[i] = error_power<kSteps>(error * error);
    }
    has_costs_ = true;
  }

  std::vector<float> weights_, units_, mirrored_, costs_;  // size, and up to whole lanes; mirrored: −x, sorted
  Index size_;
  bool has_costs_ = false;
};

}  // namespace

AsymmetricRange whole_range(std::span<const float> weights, int bits) {
  const Ends ends = ends_of(weights);
  const float scale = scale_of(ends, kRanges, bits);
  const int levels = 1 << bits;
  const auto zero = static_cast<int>(-std::nearbyint(static_cast<float>(ends.least) / scale));
  return {scale, std::clamp(zero, 0, levels - 1) - levels / 2};
}

// From the widest range and the largest zero point downwards, so that an early one is good, and `no worse` keeps the
// last of equals.
AsymmetricRange least_error_range(std::span<const float> weights, int bits) {
  constexpr double kSlack = 1 + 1e-5;  // for the rounding of `enough`
  const Ends ends = ends_of(weights);
  const int levels = 1 << bits;
  SortedWeights sorted(weights);
  AsymmetricRange best;
  double best_cost = std::numeric_limits<double>::infinity();
  for (int percent = kRanges; percent > 0; --percent) {
    const float scale = scale_of(ends, percent, bits);
    const double unit = std::pow(static_cast<double>(scale), kErrorPower);
    sorted.measure_in(scale);
    // A grid that is further away than this from the outermost weights is worse by them alone.
    const double reach = std::pow(kSlack * best_cost / unit, 1 / kErrorPower);
    const double first = std::min<double>(levels - 1, std::floor(reach - sorted.largest()) + levels - 1);
    const double last = std::max(0.0, std::ceil(-sorted.least() - reach));
    for (int zero = static_cast<int>(first); zero >= last; --zero) {
      const auto lowest = static_cast<float>(-zero), highest = static_cast<float>(levels - 1 - zero);
      const double cost = unit * sorted.cost(lowest, highest, kSlack * best_cost / unit);
      if (cost > best_cost) continue;
      best_cost = cost;
      best = {scale, zero - levels / 2};
    }
  }
  return best;
}

}  // namespace lrc
