// The parts of a block against what their formulas say, computed plainly in double.
#include "lrc/model/forward/layers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "linalg/random_matrix.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/rotary.hpp"

namespace lrc {
namespace {

TEST(RmsNorm, IsItsFormula) {
  Execution exec(2);
  for (const Index d : {1, 15, 16, 17, 192}) {
    const MatrixF x = random_floats(70, d, 1);
    const VectorF weight = random_floats(1, d, 2).transpose();
    MatrixF out(70, d);
    rms_norm(exec, x, weight, 1e-5F, out);
    for (Index r = 0; r < 70; ++r) {
      const double scale = 1 / std::sqrt(x.row(r).cast<double>().squaredNorm() / static_cast<double>(d) + 1e-5);
      for (Index j = 0; j < d; ++j)
        EXPECT_NEAR(out(r, j), static_cast<double>(x(r, j)) * scale * static_cast<double>(weight[j]), 2e-5);
    }
  }
}

TEST(Swiglu, IsItsFormula) {
  Execution exec(1);
  MatrixF gate = random_floats(5, 33, 3) * 10;
  const MatrixF before = gate, up = random_floats(5, 33, 4);
  swiglu(exec, gate, up, gate);
  for (Index i = 0; i < gate.size(); ++i) {
    const double g = static_cast<double>(before.data()[i]);
    EXPECT_NEAR(gate.data()[i], g / (1 + std::exp(-g)) * static_cast<double>(up.data()[i]), 1e-5 * (1 + std::abs(g)));
  }
}

ModelConfig config_of(Index heads, Index kv_heads, Index head_dim) {
  ModelConfig config;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_dim = head_dim;
  config.rope_theta = 10000;
  return config;
}

// Attention as it is defined, one query at a time.
MatrixF naive_attention(const ModelConfig& c, Index length, Index window, const MatrixF& q, const MatrixF& k,
                        const MatrixF& v) {
  MatrixF out = MatrixF::Zero(q.rows(), q.cols());
  for (Index row = 0; row < q.rows(); ++row) {
    const Index start = std::max(row / length * length, window == 0 ? 0 : row + 1 - window);
    for (Index h = 0; h < c.heads; ++h) {
      const Index kv = h / (c.heads / c.kv_heads) * c.head_dim;
      std::vector<double> weights;
      double sum = 0;
      for (Index key = start; key <= row; ++key) {
        const double score = q.row(row)
                                 .segment(h * c.head_dim, c.head_dim)
                                 .cast<double>()
                                 .dot(k.row(key).segment(kv, c.head_dim).cast<double>());
        weights.push_back(std::exp(score / std::sqrt(static_cast<double>(c.head_dim))));
        sum += weights.back();
      }
      for (Index key = start; key <= row; ++key) {
        const auto weight = static_cast<float>(weights[static_cast<std::size_t>(key - start)] / sum);
        out.row(row).segment(h * c.head_dim, c.head_dim) += weight * v.row(key).segment(kv, c.head_dim);
      }
    }
  }
  return out;
}

TEST(Attention, IsCausalGroupedAndStaysInItsSequence) {
  single_threaded_blas();
  Execution exec(2);
  const std::vector<std::array<Index, 4>> cases{{4, 2, 1, 0},     {4, 4, 5, 0},     {6, 2, 127, 0},
                                                {2, 1, 128, 0},   {3, 1, 300, 0},   {2, 2, 300, 1},
                                                {2, 1, 300, 128}, {2, 1, 301, 130}, {2, 1, 40, 41}};
  for (const auto& [heads, kv_heads, length, window] : cases) {
    const ModelConfig config = config_of(heads, kv_heads, 6);
    const MatrixF q = random_floats(2 * length, heads * 6, 5), k = random_floats(2 * length, kv_heads * 6, 6),
                  v = random_floats(2 * length, kv_heads * 6, 7);
    MatrixF out(q.rows(), q.cols());
    causal_attention(exec, config, length, window, q, k, v, out);
    EXPECT_LT((out - naive_attention(config, length, window, q, k, v)).cwiseAbs().maxCoeff(), 1e-5F)
        << heads << " " << length << " " << window;
  }
}

// The gradients of q, k and v, from the definition, in double.
struct AttentionGradients {
  MatrixD q, k, v;
};
AttentionGradients naive_attention_gradients(const ModelConfig& c, Index length, Index window, const MatrixF& q_,
                                             const MatrixF& k_, const MatrixF& v_, const MatrixF& gradient) {
  const MatrixD q = q_.cast<double>(), k = k_.cast<double>(), v = v_.cast<double>(), g = gradient.cast<double>();
  AttentionGradients all{MatrixD::Zero(q.rows(), q.cols()), MatrixD::Zero(k.rows(), k.cols()),
                         MatrixD::Zero(v.rows(), v.cols())};
  const Index d = c.head_dim;
  for (Index row = 0; row < q.rows(); ++row) {
    const Index start = std::max(row / length * length, window == 0 ? 0 : row + 1 - window), keys = row + 1 - start;
    for (Index h = 0; h < c.heads; ++h) {
      const Index kv = h / (c.heads / c.kv_heads) * d;
      const auto seen_k = k.block(start, kv, keys, d), seen_v = v.block(start, kv, keys, d);
      const auto own_q = q.block(row, h * d, 1, d), own_g = g.block(row, h * d, 1, d);
      VectorD w = (seen_k * own_q.transpose() / std::sqrt(static_cast<double>(d))).array().exp().matrix();
      w /= w.sum();
      const VectorD of_w = seen_v * own_g.transpose();
      const VectorD of_score = (w.array() * (of_w.array() - w.dot(of_w))).matrix() / std::sqrt(static_cast<double>(d));
      all.v.block(start, kv, keys, d) += w * own_g;
      all.q.block(row, h * d, 1, d) += of_score.transpose() * seen_k;
      all.k.block(start, kv, keys, d) += of_score * own_q;
    }
  }
  return all;
}

TEST(Attention, HasTheGradientsOfItsDefinition) {
  single_threaded_blas();
  Execution exec(2);
  const std::vector<std::array<Index, 4>> cases{{4, 2, 1, 0},   {4, 4, 5, 0},   {6, 2, 127, 0},   {2, 1, 128, 0},
                                                {3, 1, 300, 0}, {2, 2, 300, 1}, {2, 1, 300, 128}, {2, 1, 301, 130}};
  for (const auto& [heads, kv_heads, length, window] : cases) {
    const ModelConfig config = config_of(heads, kv_heads, 6);
    const MatrixF q = random_floats(2 * length, heads * 6, 5), k = random_floats(2 * length, kv_heads * 6, 6),
                  v = random_floats(2 * length, kv_heads * 6, 7), gradient = random_floats(2 * length, heads * 6, 8);
    MatrixF of_q = MatrixF::Constant(q.rows(), q.cols(), 1e9F), of_k = MatrixF::Constant(k.rows(), k.cols(), 1e9F),
            of_v = of_k;
    backward_causal_attention(exec, config, length, window, q, k, v, gradient, of_q, of_k, of_v);
    const auto [q_expected, k_expected, v_expected] =
        naive_attention_gradients(config, length, window, q, k, v, gradient);
    EXPECT_LT((of_q.cast<double>() - q_expected).cwiseAbs().maxCoeff(), 1e-5) << length << " " << window;
    EXPECT_LT((of_k.cast<double>() - k_expected).cwiseAbs().maxCoeff(), 1e-5) << length << " " << window;
    EXPECT_LT((of_v.cast<double>() - v_expected).cwiseAbs().maxCoeff(), 1e-5) << length << " " << window;
  }
}

TEST(Rope, TurnsPairsByThePositionTimesTheFrequency) {
  Execution exec(1);
  const ModelConfig config = config_of(2, 1, 8);
  MatrixF x = random_floats(6, 16, 8);
  const MatrixF before = x;
  RotaryEmbedding(config, 3).apply(exec, 3, x);
  for (Index r = 0; r < 6; ++r) {
    for (Index h = 0; h < 2; ++h) {
      for (Index i = 0; i < 4; ++i) {
        const double angle = static_cast<double>(r % 3) * std::pow(10000.0, -2.0 * static_cast<double>(i) / 8);
        const double a = static_cast<double>(before(r, h * 8 + i)), b = static_cast<double>(before(r, h * 8 + 4 + i));
        EXPECT_NEAR(x(r, h * 8 + i), a * std::cos(angle) - b * std::sin(angle), 1e-5);
        EXPECT_NEAR(x(r, h * 8 + 4 + i), a * std::sin(angle) + b * std::cos(angle), 1e-5);
      }
    }
  }
}

// Published facts about llama3 scaling: frequencies that turn four times or more within the original length stay, those
// that turn once or less are divided by the factor, and between the two what is kept is linear in the turns.
TEST(Rope, Llama3ScalingKeepsHighAndSlowsLowFrequencies) {
  Execution exec(1);
  ModelConfig config = config_of(1, 1, 128);
  config.rope_theta = 500000;
  const Index positions = 100;
  const auto angle_of = [&](Index pair) {  // at position 1
    MatrixF x = MatrixF::Zero(positions, 128);
    x(1, pair) = 1;
    RotaryEmbedding(config, positions).apply(exec, positions, x);
    return std::atan2(x(1, 64 + pair), x(1, pair));
  };
  config.llama3_rope =
      Llama3RopeScaling{.factor = 8, .low_freq_factor = 1, .high_freq_factor = 4, .original_max_positions = 8192};
  Index between = 0;
  for (Index pair = 0; pair < 64; ++pair) {
    const double frequency = std::pow(500000.0, -static_cast<double>(pair) / 64);
    const double turns = 8192 * frequency / (2 * std::numbers::pi);  // within the original length
    const double kept = std::clamp((turns - 1) / (4 - 1), 0.0, 1.0);
    if (kept > 0 && kept < 1) ++between;
    EXPECT_NEAR(angle_of(pair) / (kept * frequency + (1 - kept) * frequency / 8), 1, 1e-4) << pair;
  }
  EXPECT_GT(between, 3);
}

// arXiv 2402.13753: a frequency is divided by its own factor; beyond the original length by another; and all grow.
TEST(Rope, LongRopeHasItsOwnFrequenciesForLongSequences) {
  Execution exec(1);
  ModelConfig config = config_of(1, 1, 4);
  config.long_rope = LongRopeScaling{
      .short_factors = {1, 2}, .long_factors = {3, 5}, .original_max_positions = 10, .attention_factor = 1.25};
  for (const auto& [positions, factor] : {std::pair{10, 2.0}, {11, 5.0}}) {
    MatrixF x = MatrixF::Zero(positions, 4);
    x(7, 1) = 1;
    RotaryEmbedding(config, positions).apply(exec, positions, x);
    const double angle = 7 * std::pow(10000.0, -0.5) / factor;
    EXPECT_NEAR(x(7, 1), 1.25 * std::cos(angle), 1e-6);
    EXPECT_NEAR(x(7, 3), 1.25 * std::sin(angle), 1e-6);
  }
}

TEST(RmsNorm, OfHeadsNormalizesEachOnItsOwn) {
  Execution exec(2);
  MatrixF x = random_floats(70, 12, 9);
  const MatrixF before = x;
  VectorF weight(4);
  weight << 1, 2, 0.5F, -1;
  rms_norm_heads(exec, weight, 1e-5F, x);
  for (Index r = 0; r < 70; ++r) {
    for (Index head = 0; head < 3; ++head) {
      const auto in = before.row(r).segment(4 * head, 4);
      const float scale = 1 / std::sqrt(in.squaredNorm() / 4 + 1e-5F);
      for (Index i = 0; i < 4; ++i) EXPECT_NEAR(x(r, 4 * head + i), in[i] * scale * weight[i], 1e-5);
    }
  }
}

}  // namespace
}  // namespace lrc
