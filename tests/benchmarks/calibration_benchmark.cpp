// Forward and second moments of one block against the sgemm peak of this machine, measured in the same run:
// calibration_benchmark [HIDDEN INTERMEDIATE HEADS KV_HEADS LENGTH SEQUENCES THREADS EXPERTS], SmolLM2-135M at 2048
// tokens by default.
#include <cblas.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <vector>

#include "lrc/calibration/moment_sums.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/forward.hpp"

namespace lrc {
namespace {

MatrixF random_matrix(Index rows, Index cols, float scale) {
  static std::mt19937 random(1);
  std::normal_distribution<float> normal(0, scale);
  MatrixF matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = normal(random);
  return matrix;
}

Linear random_linear(Index rows, Index cols) {
  return {.name = "linear",
          .weight = random_matrix(rows, cols, 1 / std::sqrt(static_cast<float>(cols))),
          .bias = {},
          .u = {},
          .v = {}};
}

Mlp random_mlp(const ModelConfig& c, Index expert, const HadamardTransform& rotation) {
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

Block random_block(const ModelConfig& c, const HadamardTransform& rotation) {
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

// The fastest of a few calls, in seconds.
template <class Work>
double seconds(const Work& work, int repeats = 5) {
  double best = 1e300;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// Flops per second of one large product on every thread.
double sgemm_peak(Execution& exec) {
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

// How many MLPs a token goes through.
double mlps(const ModelConfig& c) { return c.experts == 0 ? 1 : static_cast<double>(c.experts_per_token); }

// Operations a token: the linears; causal attention (half of all pairs, scores and values).
double forward_flops(const ModelConfig& c, Index length) {
  const auto d = static_cast<double>(c.hidden_size), f = static_cast<double>(c.intermediate_size);
  const auto q = static_cast<double>(c.query_size()), k = static_cast<double>(c.key_size());
  return 2 * (2 * d * q + 2 * d * k + mlps(c) * 3 * d * f) + 2 * q * static_cast<double>(length + 1);
}

// Of the four groups' moments: symmetric matrices by their lower half. Exact: d² + 2d² + d² a token and group of d
// inputs.
double moment_flops(const ModelConfig& c, MomentKind kind) {
  const auto d = static_cast<double>(c.hidden_size), f = static_cast<double>(c.intermediate_size),
             q = static_cast<double>(c.query_size());
  return (kind == MomentKind::exact ? 4 : 1) * (d * d + q * q + mlps(c) * (d * d + f * f));
}

void run(const ModelConfig& config, Index length, Index sequences, int threads) {
  Execution exec(threads);
  const HadamardTransform rotation(config.intermediate_size);
  const RotaryEmbedding rotary(config, length);
  const Block block = random_block(config, rotation);
  const MatrixF input = random_matrix(sequences * length, config.hidden_size, 1);
  const ForwardContext context{config, rotary, length, exec};
  const double peak = sgemm_peak(exec), tokens = static_cast<double>(input.rows());
  fmt::print("{}\n", blas_description());
  fmt::print("hidden {}, intermediate {}, {} experts, {} sequences of {}, {} threads; sgemm peak {:.1f} GFlop/s\n",
             config.hidden_size, config.intermediate_size, config.experts, sequences, length, threads, peak / 1e9);
  const auto report = [&](const char* what, double flops, double time) {
    fmt::print("{:<28} {:8.1f} ms {:8.1f} GFlop/s {:5.0f} % of peak\n", what, 1e3 * time, flops * tokens / time / 1e9,
               100 * flops * tokens / time / peak);
  };
  const double forward = seconds([&] {
    MatrixF hidden = input;
    forward_block(context, block, hidden);
  });
  report("forward", forward_flops(config, length), forward);
  std::map<MomentKind, double> alone, bytes;  // what the statistics add: seconds, and what is summed
  for (const MomentKind kind : {MomentKind::exact, MomentKind::diagonal}) {
    std::map<std::string, MomentSums> sums;
    const auto pass = [&] {
      MatrixF hidden = input;
      forward_block(context, block, hidden, {.inputs = [&](const LinearGroup& group, const ConstViewF& x) {
                      if (!sums.contains(group.name)) {
                        const VectorD energy = x.cast<double>().colwise().squaredNorm().transpose();
                        sums.emplace(group.name, MomentSums(group.name, kind, FixedPointScales(energy, 100)));
                        bytes[kind] += MomentSums::bytes(kind, x.cols(), {0, x.cols()});
                      }
                      MatrixF y = x;
                      quantize_rows(exec, ActivationQuantizer{}, y);
                      sums.at(group.name).add(exec, x, y);
                    }});
    };
    pass();  // the sums exist from here on
    const double with_moments = seconds(pass);
    report(kind == MomentKind::exact ? "forward + exact moments" : "forward + diagonal moments",
           forward_flops(config, length) + moment_flops(config, kind), with_moments);
    alone[kind] = with_moments - forward;
  }
  const auto ratio = [](std::map<MomentKind, double>& of) { return of[MomentKind::diagonal] / of[MomentKind::exact]; };
  fmt::print("diagonal moments by themselves: {:.2f} of the time of exact ones, {:.2f} of their bytes\n", ratio(alone),
             ratio(bytes));
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  lrc::restart_with_faster_blas_core(argv);
  const auto argument = [&](int i, lrc::Index otherwise) { return argc > i ? std::atoll(argv[i]) : otherwise; };
  lrc::single_threaded_blas();
  lrc::ModelConfig config;
  config.hidden_size = argument(1, 576);
  config.intermediate_size = argument(2, 1536);
  config.heads = argument(3, 9);
  config.kv_heads = argument(4, 3);
  config.head_dim = config.hidden_size / config.heads;
  config.experts = argument(8, 0);
  config.experts_per_token = config.experts == 0 ? 0 : 2;
  config.rms_norm_eps = 1e-5F;
  config.rope_theta = 10000;
  lrc::run(config, argument(5, 2048), argument(6, 2), static_cast<int>(argument(7, 1)));
}
