#include <cblas.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "lrc/linalg/exponential.hpp"
#include "lrc/linalg/lanes.hpp"
#include "lrc/model/forward/layers.hpp"

namespace lrc {
namespace {

// Queries whose scores are held at a time: their rows times the keys stay in the second-level cache.
constexpr Index kQueryTile = 128;

// Softmax over the scores `begin` to before `end` of a row; the others become 0.
void softmax_between(float* scores, Index begin, Index end, Index keys, float scale) {
  float* seen = scores + begin;
  const Index visible = end - begin;
  const float largest = lane_max(seen, visible) * scale;
  for (Index i = 0; i < visible; ++i) seen[i] = exponential(seen[i] * scale - largest);
  const float inverse = 1.0F / lane_sum(seen, visible);
  for (Index i = 0; i < visible; ++i) seen[i] *= inverse;
  std::fill(scores, seen, 0.0F);
  std::fill(scores + end, scores + keys, 0.0F);
}

// One head of one sequence: q, k, v, out point at its first row; rows are `stride`s apart.
struct Head {
  const float *q, *k, *v;
  float* out;
  Index q_stride, kv_stride, out_stride, length, window, head_dim;
};

void attend(const Head& head) {
  thread_local std::vector<float> scores;  // kQueryTile × keys
  const int d = narrow<int>(head.head_dim), q_stride = narrow<int>(head.q_stride),
            kv_stride = narrow<int>(head.kv_stride);
  const float scale = 1.0F / std::sqrt(static_cast<float>(head.head_dim));
  for (Index first = 0; first < head.length; first += kQueryTile) {
    const Index queries = std::min(kQueryTile, head.length - first);
    const Index first_key = std::max<Index>(0, first + 1 - head.window), keys = first + queries - first_key;
    scores.resize(static_cast<std::size_t>(queries * keys));
    const int m = narrow<int>(queries), n = narrow<int>(keys);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, d, 1.0F, head.q + first * head.q_stride, q_stride,
                head.k + first_key * head.kv_stride, kv_stride, 0.0F, scores.data(), n);
    for (Index i = 0; i < queries; ++i) {
      const Index end = first + i + 1 - first_key;
      softmax_between(&scores[i * keys], std::max<Index>(0, end - head.window), end, keys, scale);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, d, n, 1.0F, scores.data(), n,
                head.v + first_key * head.kv_stride, kv_stride, 0.0F, head.out + first * head.out_stride,
                narrow<int>(head.out_stride));
  }
}

}  // namespace

void causal_attention(Execution& exec, const ModelConfig& config, Index sequence_length, Index window,
                      const ConstViewF& q, const ConstViewF& k, const ConstViewF& v, ViewF out) {
  const Index sequences = q.rows() / sequence_length, shared = config.heads / config.kv_heads;
  assert(sequences * sequence_length == q.rows() && k.rows() == q.rows() && v.rows() == q.rows());
  assert(q.cols() == config.heads * config.head_dim && k.cols() == config.kv_heads * config.head_dim);
  assert(k.outerStride() == v.outerStride());
  exec.for_each(sequences * config.heads, [&](Index task) {
    const Index row = task / config.heads * sequence_length, head = task % config.heads;
    const Index q_column = head * config.head_dim, kv_column = head / shared * config.head_dim;
    attend({.q = q.data() + row * q.outerStride() + q_column,
            .k = k.data() + row * k.outerStride() + kv_column,
            .v = v.data() + row * v.outerStride() + kv_column,
            .out = out.data() + row * out.outerStride() + q_column,
            .q_stride = q.outerStride(),
            .kv_stride = k.outerStride(),
            .out_stride = out.outerStride(),
            .length = sequence_length,
            .window = window == 0 ? sequence_length : window,
            .head_dim = config.head_dim});
  });
}

}  // namespace lrc
