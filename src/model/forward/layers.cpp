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

// With y = w·x·s and s = (mean(x²) + eps)^−½: dx = s·(w·dy) − x · s³/d · Σ x·w·dy.
void backward_rms_norm(Execution& exec, const ConstViewF& x, const VectorF& weight, float eps, ViewF gradient) {
  const Index d = x.cols();
  assert(weight.size() == d && gradient.rows() == x.rows() && gradient.cols() == d);
  for_each_row(exec, x.rows(), [&](Index r) {
    const float* in = x.data() + r * x.outerStride();
    float* result = gradient.data() + r * gradient.outerStride();
    const float scale = 1.0F / std::sqrt(lane_sum_of_squares(in, d) / static_cast<float>(d) + eps);
    for (Index i = 0; i < d; ++i) result[i] *= weight[i];
    const float along = lane_dot(in, result, d) / static_cast<float>(d) * scale * scale;
    for (Index i = 0; i < d; ++i) result[i] = scale * (result[i] - in[i] * along);
  });
}

void rms_norm_heads(Execution& exec, const VectorF& weight, float eps, ViewF x) {
  const Index d = weight.size();
  assert(d > 0 && x.cols() % d == 0);
  for (Index head = 0; head < x.cols() / d; ++head)
    rms_norm(exec, x.middleCols(head * d, d), weight, eps, x.middleCols(head * d, d));
}

void backward_rms_norm_heads(Execution& exec, const ConstViewF& x, const VectorF& weight, float eps, ViewF gradient) {
  const Index d = weight.size();
  assert(d > 0 && x.cols() % d == 0);
  for (Index head = 0; head < x.cols() / d; ++head)
    backward_rms_norm(exec, x.middleCols(head * d, d), weight, eps, gradient.middleCols(head * d, d));
}

void swiglu(Execution& exec, const ConstViewF& gate, const ConstViewF& up, ViewF out) {
  assert(gate.rows() == up.rows() && gate.cols() == up.cols());
  assert(out.rows() == up.rows() && out.cols() == up.cols());
  const Index d = gate.cols();
  for_each_row(exec, gate.rows(), [&](Index r) {
    const float* g = gate.data() + r * gate.outerStride();
    const float* u = up.data() + r * up.outerStride();
    float* result = out.data() + r * out.outerStride();
    for (Index i = 0; i < d; ++i) result[i] = g[i] / (1.0F + exponential(-g[i])) * u[i];
  });
}

// With σ = 1/(1 + exp(−g)): silu(g) = g·σ, whose derivative is σ·(1 + g·(1 − σ)).
void backward_swiglu(Execution& exec, const ConstViewF& gradient, ViewF gate, ViewF up) {
  assert(gate.rows() == up.rows() && gate.cols() == up.cols());
  assert(gradient.rows() == up.rows() && gradient.cols() == up.cols());
  const Index d = gate.cols();
  for_each_row(exec, gate.rows(), [&](Index r) {
    const float* of_product = gradient.data() + r * gradient.outerStride();
    float* g = gate.data() + r * gate.outerStride();
    float* u = up.data() + r * up.outerStride();
    for (Index i = 0; i < d; ++i) {
      const float sigmoid = 1.0F / (1.0F + exponential(-g[i])), silu = g[i] * sigmoid;
      g[i] = of_product[i] * u[i] * sigmoid * (1.0F + g[i] - silu);
      u[i] = of_product[i] * silu;
    }
  });
}

}  // namespace lrc
