// Forward and second moments of one block against the sgemm peak of this machine, measured in the same run:
// calibration_benchmark [HIDDEN INTERMEDIATE HEADS KV_HEADS LENGTH SEQUENCES THREADS EXPERTS], SmolLM2-135M at 2048
// tokens by default.
#include <fmt/core.h>

#include <cstdlib>
#include <map>

#include "lrc/calibration/moment_sums.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "random_block.hpp"

namespace lrc {
namespace {

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
  lrc::single_threaded_blas();
  const lrc::BlockArguments given = lrc::block_arguments(argc, argv);
  lrc::run(given.config, given.length, given.sequences, given.threads);
}
