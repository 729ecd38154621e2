#include "lrc/quantization/lrq/adam.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

namespace lrc {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
constexpr Index kTile = 2048;  // elements a thread takes at a time: what it reads stays in the nearest cache

}  // namespace

AdamMoments AdamMoments::zeros(const MatrixF& parameter) {
  const MatrixF none = MatrixF::Zero(parameter.rows(), parameter.cols());
  return {.first = none, .second = none};
}

void adam_step(Execution& exec, Index step, double rate, const MatrixF& gradient, AdamMoments& moments,
               MatrixF& parameter) {
  assert(step >= 1 && gradient.rows() == parameter.rows() && gradient.cols() == parameter.cols());
  assert(moments.first.size() == parameter.size() && moments.second.size() == parameter.size());
  const auto number = static_cast<double>(step);
  const auto size = static_cast<float>(-rate / (1 - std::pow(kBeta1, number)));
  const auto root = static_cast<float>(std::sqrt(1 - std::pow(kBeta2, number)));
  constexpr auto kNew1 = static_cast<float>(1 - kBeta1), kNew2 = static_cast<float>(1 - kBeta2);
  constexpr auto kOld2 = static_cast<float>(kBeta2), kSmall = static_cast<float>(kEpsilon);
  exec.for_each(ceil_div(parameter.size(), kTile), [&](Index tile) {
    const Index first = tile * kTile, count = std::min(kTile, parameter.size() - first);
    const Eigen::Map<const Eigen::ArrayXf> g(gradient.data() + first, count);
    Eigen::Map<Eigen::ArrayXf> m(moments.first.data() + first, count), v(moments.second.data() + first, count),
        p(parameter.data() + first, count);
    m = m + kNew1 * (g - m);
    v = v * kOld2 + kNew2 * g * g;
    p = p + size * m / (v.sqrt() / root + kSmall);  // Eigen's root becomes vector instructions, std::sqrt does not
  });
}

double cosine_rate(double first, Index step, Index steps) {
  assert(1 <= step && step <= steps);
  const double share = static_cast<double>(step - 1) / static_cast<double>(steps);
  return first * (1 + std::cos(std::numbers::pi * share)) / 2;
}

}  // namespace lrc
