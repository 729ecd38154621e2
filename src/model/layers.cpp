#include "lrc/model/layers.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lrc/linalg/exponential.hpp"
#include "lrc/linalg/lanes.hpp"

namespace lrc {
namespace {

constexpr Index kRowTile = 64;

// Calls row(r) for all rows, a tile of rows at a time.
template <class Row>
void for_each_row(ThreadPool& pool, Index rows, const Row& row) {
  pool.for_each(ceil_div(rows, kRowTile), [&](Index tile) {
    const Index end = std::min(rows, (tile + 1) * kRowTile);
    for (Index r = tile * kRowTile; r < end; ++r) row(r);
  });
}

// Rotations per position of each pair of channels (transformers' `inv_freq`).
VectorD rotary_frequencies(const ModelConfig& config) {
  VectorD frequencies(config.head_dim / 2);
  for (Index i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim));
  }
  return frequencies;
}

double llama3_scaled(const Llama3RopeScaling& scaling, double frequency) {
  const double turns = scaling.original_max_positions * frequency / (2 * std::acos(-1.0));
  if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
  if (turns > scaling.high_freq_factor) return frequency;
  const double blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - blend) * frequency / scaling.factor + blend * frequency;
}

}  // namespace

void rms_norm(ThreadPool& pool, const ConstViewF& x, const VectorF& weight, float eps, ViewF out) {
  const Index d = x.cols();
  assert(weight.size() == d && out.rows() == x.rows() && out.cols() == d);
  for_each_row(pool, x.rows(), [&](Index r) {
    const float* in = x.data() + r * x.outerStride();
    const float scale = 1.0F / std::sqrt(lane_sum_of_squares(in, d) / static_cast<float>(d) + eps);
    float* result = out.data() + r * out.outerStride();
    for (Index i = 0; i < d; ++i) result[i] = in[i] * scale * weight[i];
  });
}

void swiglu(ThreadPool& pool, ViewF gate, const ConstViewF& up) {
  assert(gate.rows() == up.rows() && gate.cols() == up.cols());
  const Index d = gate.cols();
  for_each_row(pool, gate.rows(), [&](Index r) {
    float* g = gate.data() + r * gate.outerStride();
    const float* u = up.data() + r * up.outerStride();
    for (Index i = 0; i < d; ++i) g[i] = g[i] / (1.0F + exponential(-g[i])) * u[i];
  });
}

RotaryEmbedding::RotaryEmbedding(const ModelConfig& config, Index positions)
    : cosine_(positions, config.head_dim / 2), sine_(positions, config.head_dim / 2) {
  VectorD frequencies = rotary_frequencies(config);
  for (double& frequency : frequencies) {
    if (config.rope_scaling) frequency = llama3_scaled(*config.rope_scaling, frequency);
  }
  for (Index position = 0; position < positions; ++position) {
    for (Index i = 0; i < frequencies.size(); ++i) {
      const double angle = static_cast<double>(position) * frequencies[i];
      cosine_(position, i) = static_cast<float>(std::cos(angle));
      sine_(position, i) = static_cast<float>(std::sin(angle));
    }
  }
}

void RotaryEmbedding::apply(ThreadPool& pool, Index sequence_length, ViewF x) const {
  const Index half = cosine_.cols(), heads = x.cols() / (2 * half);
  assert(sequence_length <= cosine_.rows() && heads * 2 * half == x.cols());
  for_each_row(pool, x.rows(), [&](Index r) {
    const float* cosine = &cosine_(r % sequence_length, 0);
    const float* sine = &sine_(r % sequence_length, 0);
    for (Index head = 0; head < heads; ++head) {
      float* first = x.data() + r * x.outerStride() + head * 2 * half;
      float* second = first + half;
      for (Index i = 0; i < half; ++i) {
        const float a = first[i], b = second[i];
        first[i] = a * cosine[i] - b * sine[i];
        second[i] = b * cosine[i] + a * sine[i];
      }
    }
  });
}

}  // namespace lrc
