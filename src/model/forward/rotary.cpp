#include "lrc/model/forward/rotary.hpp"

#include <cassert>
#include <cmath>

#include "lrc/model/forward/rows.hpp"

namespace lrc {
namespace {

double llama3_scaled(const Llama3RopeScaling& scaling, double frequency) {
  const double turns = scaling.original_max_positions * frequency / (2 * std::acos(-1.0));
  if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
  if (turns > scaling.high_freq_factor) return frequency;
  const double blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - blend) * frequency / scaling.factor + blend * frequency;
}

const std::vector<double>& factors(const LongRopeScaling& scaling, Index positions) {
  return positions > scaling.original_max_positions ? scaling.long_factors : scaling.short_factors;
}

// Rotations per position of each pair of channels (transformers' `inv_freq`).
VectorD rotary_frequencies(const ModelConfig& config, Index positions) {
  VectorD frequencies(config.head_dim / 2);
  for (Index i = 0; i < frequencies.size(); ++i) {
    const double share = 2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim);
    frequencies[i] = std::pow(config.rope_theta, -share) / config.rope_factor;
    if (config.llama3_rope) frequencies[i] = llama3_scaled(*config.llama3_rope, frequencies[i]);
    if (config.long_rope) frequencies[i] /= factors(*config.long_rope, positions)[static_cast<std::size_t>(i)];
  }
  return frequencies;
}

}  // namespace

RotaryEmbedding::RotaryEmbedding(const ModelConfig& config, Index positions)
    : cosine_(positions, config.head_dim / 2), sine_(positions, config.head_dim / 2) {
  const VectorD frequencies = rotary_frequencies(config, positions);
  const double scale = config.long_rope ? config.long_rope->attention_factor : 1.0;
  for (Index position = 0; position < positions; ++position) {
    for (Index i = 0; i < frequencies.size(); ++i) {
      const double angle = static_cast<double>(position) * frequencies[i];
      cosine_(position, i) = static_cast<float>(scale * std::cos(angle));
      sine_(position, i) = static_cast<float>(scale * std::sin(angle));
    }
  }
}

// Calls turn(a, b, cosine, sine) for every pair of channels of every head of every row.
template <class Turn>
void RotaryEmbedding::for_each_pair(Execution& exec, Index sequence_length, ViewF x, const Turn& turn) const {
  const Index half = cosine_.cols(), heads = x.cols() / (2 * half);
  assert(sequence_length <= cosine_.rows() && heads * 2 * half == x.cols());
  for_each_row(exec, x.rows(), [&](Index r) {
    const float* cosine = &cosine_(r % sequence_length, 0);
    const float* sine = &sine_(r % sequence_length, 0);
    for (Index head = 0; head < heads; ++head) {
      float* first = x.data() + r * x.outerStride() + head * 2 * half;
      float* second = first + half;
      for (Index i = 0; i < half; ++i) turn(first[i], second[i], cosine[i], sine[i]);
    }
  });
}

void RotaryEmbedding::apply(Execution& exec, Index sequence_length, ViewF x) const {
  for_each_pair(exec, sequence_length, x, [](float& first, float& second, float cosine, float sine) {
    const float a = first, b = second;
    first = a * cosine - b * sine;
    second = b * cosine + a * sine;
  });
}

void RotaryEmbedding::backward(Execution& exec, Index sequence_length, ViewF gradient) const {
  for_each_pair(exec, sequence_length, gradient, [](float& first, float& second, float cosine, float sine) {
    const float a = first, b = second;
    first = a * cosine + b * sine;
    second = b * cosine - a * sine;
  });
}

}  // namespace lrc
