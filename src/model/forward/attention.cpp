#include <cblas.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "lrc/linalg/exponential.hpp"
#include "lrc/linalg/lanes.hpp"
#include "lrc/model/forward/layers.hpp"
#include "lrc/model/forward/rows.hpp"

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

// Rows that are `stride` apart, of which one head's channels are meant.
struct Rows {
  const float* data;
  Index stride;

  Rows from(Index row) const { return {data + row * stride, stride}; }
};
struct MutableRows {
  float* data;
  Index stride;

  MutableRows from(Index row) const { return {data + row * stride, stride}; }
  operator Rows() const { return {data, stride}; }  // NOLINT(google-explicit-constructor)
};

// c (m×n) = op(a) · op(b) + beta · c; k is what is summed over.
void multiply(CBLAS_TRANSPOSE op_a, CBLAS_TRANSPOSE op_b, Index m, Index n, Index k, Rows a, Rows b, float beta,
              MutableRows c) {
  cblas_sgemm(CblasRowMajor, op_a, op_b, narrow<int>(m), narrow<int>(n), narrow<int>(k), 1.0F, a.data,
              narrow<int>(a.stride), b.data, narrow<int>(b.stride), beta, c.data, narrow<int>(c.stride));
}

// One head of one sequence, from its first row on.
struct Head {
  Rows q, k, v;
  Index length, window, head_dim;

  float scale() const { return 1.0F / std::sqrt(static_cast<float>(head_dim)); }
};

// Some queries of a head, and the keys that any of them sees.
struct Tile {
  Index first, queries, first_key, keys;
};

// Calls work(tile) for all queries, in their order.
template <class Work>
void for_each_tile(const Head& head, const Work& work) {
  for (Index first = 0; first < head.length; first += kQueryTile) {
    const Index queries = std::min(kQueryTile, head.length - first);
    const Index first_key = std::max<Index>(0, first + 1 - head.window);
    work(Tile{first, queries, first_key, first + queries - first_key});
  }
}

// What each query of a tile makes of its keys: `weights`, queries×keys.
void find_weights(const Head& head, const Tile& tile, std::vector<float>& weights) {
  weights.resize(static_cast<std::size_t>(tile.queries * tile.keys));
  multiply(CblasNoTrans, CblasTrans, tile.queries, tile.keys, head.head_dim, head.q.from(tile.first),
           head.k.from(tile.first_key), 0.0F, {weights.data(), tile.keys});
  for (Index i = 0; i < tile.queries; ++i) {
    const Index end = tile.first + i + 1 - tile.first_key;
    softmax_between(&weights[i * tile.keys], std::max<Index>(0, end - head.window), end, tile.keys, head.scale());
  }
}

void attend(const Head& head, MutableRows out) {
  thread_local std::vector<float> weights;  // kQueryTile × keys
  for_each_tile(head, [&](const Tile& tile) {
    find_weights(head, tile, weights);
    multiply(CblasNoTrans, CblasNoTrans, tile.queries, head.head_dim, tile.keys, {weights.data(), tile.keys},
             head.v.from(tile.first_key), 0.0F, out.from(tile.first));
  });
}

// The gradients of one head; its keys and values are its own.
struct HeadGradients {
  Rows out;
  MutableRows q, k, v;
};

// `gradient`, that of a row of weights, becomes that of the products q·k: w·(g − Σ w·g)·scale.
void backward_softmax(const float* weights, Index keys, float scale, float* gradient) {
  const float mean = lane_dot(weights, gradient, keys);
  for (Index i = 0; i < keys; ++i) gradient[i] = weights[i] * (gradient[i] - mean) * scale;
}

void backward_attend(const Head& head, const HeadGradients& gradients) {
  thread_local std::vector<float> weights, of_scores;  // kQueryTile × keys
  const Index d = head.head_dim;
  for (Index row = 0; row < head.length; ++row) {
    std::fill_n(gradients.k.from(row).data, d, 0.0F);
    std::fill_n(gradients.v.from(row).data, d, 0.0F);
  }
  for_each_tile(head, [&](const Tile& tile) {
    find_weights(head, tile, weights);
    of_scores.resize(weights.size());
    const auto [first, queries, first_key, keys] = tile;
    const Rows w{weights.data(), keys}, out = gradients.out.from(first);
    const MutableRows s{of_scores.data(), keys};
    multiply(CblasTrans, CblasNoTrans, keys, d, queries, w, out, 1.0F, gradients.v.from(first_key));
    multiply(CblasNoTrans, CblasTrans, queries, keys, d, out, head.v.from(first_key), 0.0F, s);
    for (Index i = 0; i < queries; ++i) backward_softmax(&weights[i * keys], keys, head.scale(), &of_scores[i * keys]);
    multiply(CblasNoTrans, CblasNoTrans, queries, d, keys, s, head.k.from(first_key), 0.0F, gradients.q.from(first));
    multiply(CblasTrans, CblasNoTrans, keys, d, queries, s, head.q.from(first), 1.0F, gradients.k.from(first_key));
  });
}

Rows rows_at(const ConstViewF& x, Index row, Index column) {
  return {x.data() + row * x.outerStride() + column, x.outerStride()};
}
MutableRows rows_at(ViewF& x, Index row, Index column) {
  return {x.data() + row * x.outerStride() + column, x.outerStride()};
}

// The heads of q, each with its part of k and v: calls work(head, row, column), where its first query is.
template <class Work>
void for_each_head(Execution& exec, const ModelConfig& config, Index sequence_length, Index window, const ConstViewF& q,
                   const ConstViewF& k, const ConstViewF& v, const Work& work) {
  const Index sequences = q.rows() / sequence_length, shared = config.heads / config.kv_heads, d = config.head_dim;
  assert(sequences * sequence_length == q.rows() && k.rows() == q.rows() && v.rows() == q.rows());
  assert(q.cols() == config.heads * d && k.cols() == config.kv_heads * d && v.cols() == k.cols());
  exec.for_each(sequences * config.heads, [&](Index task) {
    const Index row = task / config.heads * sequence_length, head = task % config.heads;
    const Index kv_column = head / shared * d;
    work(Head{.q = rows_at(q, row, head * d),
              .k = rows_at(k, row, kv_column),
              .v = rows_at(v, row, kv_column),
              .length = sequence_length,
              .window = window == 0 ? sequence_length : window,
              .head_dim = d},
         row, head * d);
  });
}

// sums (tokens×(kv_heads·d)) ← the heads of parts (tokens×(heads·d)) that share one of k or v.
void sum_shared(Execution& exec, const ModelConfig& config, const MatrixF& parts, ViewF sums) {
  const Index shared = config.heads / config.kv_heads, d = config.head_dim;
  for_each_row(exec, parts.rows(), [&](Index row) {
    for (Index head = 0; head < config.heads; ++head) {
      auto sum = sums.row(row).segment(head / shared * d, d);
      const auto part = parts.row(row).segment(head * d, d);
      if (head % shared == 0)
        sum = part;
      else
        sum += part;
    }
  });
}

}  // namespace

void causal_attention(Execution& exec, const ModelConfig& config, Index sequence_length, Index window,
                      const ConstViewF& q, const ConstViewF& k, const ConstViewF& v, ViewF out) {
  for_each_head(exec, config, sequence_length, window, q, k, v,
                [&](const Head& head, Index row, Index column) { attend(head, rows_at(out, row, column)); });
}

void backward_causal_attention(Execution& exec, const ModelConfig& config, Index sequence_length, Index window,
                               const ConstViewF& q, const ConstViewF& k, const ConstViewF& v,
                               const ConstViewF& gradient, ViewF q_gradient, ViewF k_gradient, ViewF v_gradient) {
  MatrixF k_parts(q.rows(), q.cols()), v_parts(q.rows(), q.cols());  // of each head of q: tokens×(heads·head_dim)
  ViewF k_view = k_parts, v_view = v_parts;
  for_each_head(exec, config, sequence_length, window, q, k, v, [&](const Head& head, Index row, Index column) {
    backward_attend(head, {.out = rows_at(gradient, row, column),
                           .q = rows_at(q_gradient, row, column),
                           .k = rows_at(k_view, row, column),
                           .v = rows_at(v_view, row, column)});
  });
  sum_shared(exec, config, k_parts, k_gradient);
  sum_shared(exec, config, v_parts, v_gradient);
}

}  // namespace lrc
