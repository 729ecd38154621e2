// Forward and backward pass of one block, and a whole step of LRQ, against the sgemm peak of this machine, measured in
// the same run: learning_benchmark [HIDDEN INTERMEDIATE HEADS KV_HEADS LENGTH SEQUENCES THREADS EXPERTS], SmolLM2-135M
// at 2048 tokens by default.
#include <fmt/core.h>

#include <cstdlib>

#include "lrc/learning/block_learner.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "lrc/model/forward/backward.hpp"
#include "lrc/model/forward/between_groups.hpp"
#include "random_block.hpp"

namespace lrc {
namespace {

// Operations a token of the backward pass with all weights' gradients: twice those of the linears; of attention, the
// products of its scores once more, and four for the gradients.
double backward_flops(const ModelConfig& c, Index length) {
  const double attention = 2 * static_cast<double>(c.query_size()) * static_cast<double>(length + 1);
  return 2 * (forward_flops(c, length) - attention) + 2.5 * attention;
}

std::vector<Linear*> name_linears(Block& block) {
  std::vector<Linear*> linears = linears_of(block);
  for (std::size_t i = 0; i < linears.size(); ++i) linears[i]->name = fmt::format("linear {}", i);
  return linears;
}

Index rank_of(const Linear& linear) { return std::min(linear.weight.rows(), linear.weight.cols()) / 4; }

// The products of the scales and their gradients, an optimizer's step.
double scale_flops(const std::vector<Linear*>& linears) {
  double flops = 0;
  for (const Linear* linear : linears)
    flops += 6 * static_cast<double>(rank_of(*linear)) * static_cast<double>(linear->weight.size());
  return flops;
}

double step_seconds(const ForwardContext& context, Block& block, Index sequences) {
  const Communicator self(MPI_COMM_SELF);
  const Index length = context.sequence_length, hidden = context.config.hidden_size;
  std::vector<Example> examples;
  for (Index i = 0; i < sequences; ++i)
    examples.push_back({random_matrix(length, hidden, 1), random_matrix(length, hidden, 1)});
  BlockLearner learner(self, context, block, [&](const Linear& linear) {
    FittedGrid start =
        fit_grid(context.exec, linear.weight.cast<double>(), {.bits = 4, .zero_points = true, .range = Range::minmax});
    return LearnedWeight::low_rank(linear.weight, 4, std::move(start),
                                   initial_u2(rank_of(linear), linear.weight.cols(), 0, linear.name));
  });
  return seconds([&] { learner.step(examples, sequences, 1e-3); });
}

void run(const ModelConfig& config, Index length, Index sequences, int threads) {
  Execution exec(threads);
  const HadamardTransform rotation(config.intermediate_size);
  const RotaryEmbedding rotary(config, length);
  Block block = random_block(config, rotation);
  for (Mlp& mlp : block.mlps) mlp.down.rotation = nullptr;
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
  BlockTape tape;
  const double forward = seconds([&] {
    MatrixF hidden = input;
    forward_block(context, block, hidden, tape);
  });
  const double both = seconds([&] {
    MatrixF hidden = input;
    forward_block(context, block, hidden, tape);
    backward_block(context, block, std::move(tape), std::move(hidden), {.inputs = false, .weights = true});
  });
  const double attention = 2 * static_cast<double>(config.query_size()) * static_cast<double>(length + 1);
  forward_block(context, block, *std::make_unique<MatrixF>(input), tape);
  report("forward with a tape", forward_flops(config, length), forward);
  report("forward and backward", forward_flops(config, length) + backward_flops(config, length), both);
  report("backward of attention", 2.5 * attention,
         seconds([&] { backward_attended(context, block, tape.qkv, tape.attended); }));
  const std::vector<Linear*> linears = name_linears(block);
  report("step of LRQ, rank min/4",
         forward_flops(config, length) + backward_flops(config, length) + scale_flops(linears) / tokens,
         step_seconds(context, block, sequences));
  fmt::print("tape: {:.1f} MiB\n", tape_bytes(config, input.rows()) / (1 << 20));
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  lrc::restart_with_faster_blas_core(argv);
  lrc::single_threaded_blas();
  const lrc::BlockArguments given = lrc::block_arguments(argc, argv);
  MPI_Init(&argc, &argv);
  lrc::run(given.config, given.length, given.sequences, given.threads);
  MPI_Finalize();
}
