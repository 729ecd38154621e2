// A block of random weights, what its passes cost, and what the machine gives.
#pragma once

#include <cblas.h>
#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/forward.hpp"
#include "seconds.hpp"

namespace lrc {

inline MatrixF random_matrix(Index rows, Index cols, float scale) {
  static std::mt19937 random(1);
  std::normal_distribution<float> normal(0, scale);
  MatrixF matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = normal(random);
  return matrix;
}

inline Linear random_linear(Index rows, Index cols) {
  return {.name = "linear",
          .weight = random_matrix(rows, cols, 1 / std::sqrt(static_cast<float>(cols))),
          .bias = {},
          .u = {},
          .v = {}};
}

inline Mlp random_mlp(const ModelConfig& c, Index expert, const HadamardTransform& rotation) {
  return {.gate_up = {.role = GroupRole::gate_up,
                      .expert = expert,
                      .name = fmt::format("gate_up {}", expert),
                      .linears = {random_linear(c.intermediate_size, c.hidden_size),
                                  random_linear(c.intermediate_size, c.hidden_size)}},
          .down = {.role = GroupRole::down,
                   .expert = expert,
                   .name = fmt::format("down {}", expert),
                   .linears = {random_linear(c.hidden_size, c.intermediate_size)},
                   .rotation = &rotation}};
}

inline Block random_block(const ModelConfig& c, const HadamardTransform& rotation) {
  Block block{
      .attention_norm = VectorF::Ones(c.hidden_size),
      .qkv = {.name = "qkv",
              .linears = {random_linear(c.query_size(), c.hidden_size), random_linear(c.key_size(), c.hidden_size),
                          random_linear(c.key_size(), c.hidden_size)}},
      .q_norm = {},
      .k_norm = {},
      .attention_out = {.name = "out", .linears = {random_linear(c.hidden_size, c.query_size())}},
      .mlp_norm = VectorF::Ones(c.hidden_size),
      .router = random_matrix(c.experts, c.hidden_size, 1),
      .experts_per_token = c.experts_per_token,
      .mlps = {}};
  if (c.experts == 0) block.mlps.push_back(random_mlp(c, kNoExpert, rotation));
  for (Index expert = 0; expert < c.experts; ++expert) block.mlps.push_back(random_mlp(c, expert, rotation));
  return block;
}

// Flops per second of one large product on every thread.
inline double sgemm_peak(Execution& exec) {
  constexpr int kSize = 2048;
  std::vector<MatrixF> a, b, c;
  for (int i = 0; i < exec.threads(); ++i) {
    a.push_back(random_matrix(kSize, kSize, 1));
    b.push_back(random_matrix(kSize, kSize, 1));
    c.emplace_back(kSize, kSize);
  }
  const double time = seconds([&] {
    exec.for_each(exec.threads(), [&](Index i) {
      const auto t = static_cast<std::size_t>(i);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSize, kSize, kSize, 1, a[t].data(), kSize, b[t].data(),
                  kSize, 0, c[t].data(), kSize);
    });
  });
  return 2.0 * kSize * kSize * kSize * exec.threads() / time;
}

// HIDDEN INTERMEDIATE HEADS KV_HEADS LENGTH SEQUENCES THREADS EXPERTS, SmolLM2-135M at 2 × 2048 tokens by default.
struct BlockArguments {
  ModelConfig config;
  Index length, sequences;
  int threads;
};

inline BlockArguments block_arguments(int argc, char** argv) {
  const auto argument = [&](int i, Index otherwise) { return argc > i ? std::atoll(argv[i]) : otherwise; };
  BlockArguments given{.config = {},
                       .length = argument(5, 2048),
                       .sequences = argument(6, 2),
                       .threads = static_cast<int>(argument(7, 1))};
  ModelConfig& config = given.config;
  config.hidden_size = argument(1, 576);
  config.intermediate_size = argument(2, 1536);
  config.heads = argument(3, 9);
  config.kv_heads = argument(4, 3);
  config.head_dim = config.hidden_size / config.heads;
  config.experts = argument(8, 0);
  config.experts_per_token = config.experts == 0 ? 0 : 2;
  config.rms_norm_eps = 1e-5F;
  config.rope_theta = 10000;
  return given;
}

// How many MLPs a token goes through.
inline double mlps(const ModelConfig& c) { return c.experts == 0 ? 1 : static_cast<double>(c.experts_per_token); }

// Operations a token: the linears; causal attention (half of all pairs, scores and values).
inline double forward_flops(const ModelConfig& c, Index length) {
  const auto d = static_cast<double>(c.hidden_size), f = static_cast<double>(c.intermediate_size);
  const auto q = static_cast<double>(c.query_size()), k = static_cast<double>(c.key_size());
  return 2 * (2 * d * q + 2 * d * k + mlps(c) * 3 * d * f) + 2 * q * static_cast<double>(length + 1);
}

}  // namespace lrc
