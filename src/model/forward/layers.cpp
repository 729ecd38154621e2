#include "lrc/model/forward/layers.hpp"

#include <cassert>
#include <cmath>

#include "lrc/linalg/exponential.hpp"
#include "lrc/linalg/lanes.hpp"
#include "lrc/model/forward/rows.hpp"

namespace lrc {

void rms_norm(Execution& exec, const ConstViewF& x, const VectorF& weight, float eps, ViewF out) {
  const Index d = x.cols();
  assert(weight.size() == d && out.rows() == x.rows() && out.cols() == d);
  for_each_row(exec, x.rows(), [&](Index r) {
    const float* in = x.data() + r * x.outerStride();
    const float scale = 1.0F / std::sqrt(lane_sum_of_squares(in, d) / static_cast<float>(d) + eps);
    float* result = out.data() + r * out.outerStride();
    for (Index i = 0; i < d; ++i) result[i] = in[i] * scale * weight[i];
  });
}

void rms_norm_heads(Execution& exec, const VectorF& weight, float eps, ViewF x) {
  const Index d = weight.size();
  assert(d > 0 && x.cols() % d == 0);
  for (Index head = 0; head < x.cols() / d; ++head)
    rms_norm(exec, x.middleCols(head * d, d), weight, eps, x.middleCols(head * d, d));
}

void swiglu(Execution& exec, ViewF gate, const ConstViewF& up) {
  assert(gate.rows() == up.rows() && gate.cols() == up.cols());
  const Index d = gate.cols();
  for_each_row(exec, gate.rows(), [&](Index r) {
    float* g = gate.data() + r * gate.outerStride();
    const float* u = up.data() + r * up.outerStride();
    for (Index i = 0; i < d; ++i) g[i] = g[i] / (1.0F + exponential(-g[i])) * u[i];
  });
}

}  // namespace lrc
