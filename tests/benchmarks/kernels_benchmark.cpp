// The element-wise kernels between the products, in bytes read and written a second: compare with what memory gives.
#include <benchmark/benchmark.h>

#include <random>

#include "lrc/calibration/fixed_point.hpp"
#include "lrc/linalg/hadamard.hpp"
#include "lrc/model/forward/activation_quantizer.hpp"
#include "lrc/model/forward/layers.hpp"

namespace lrc {
namespace {

constexpr Index kTokens = 1024;

MatrixF random_tokens(Index channels) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  MatrixF tokens(kTokens, channels);
  for (Index i = 0; i < tokens.size(); ++i) tokens.data()[i] = normal(random);
  return tokens;
}

void count_bytes(benchmark::State& state, double per_element) {
  state.SetBytesProcessed(
      static_cast<std::int64_t>(static_cast<double>(state.iterations() * kTokens * state.range(0)) * per_element));
}

void copy(benchmark::State& state) {
  const MatrixF from = random_tokens(state.range(0));
  MatrixF to = from;
  for (auto _ : state) {
    to = from;
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, 8);
}

void hadamard(benchmark::State& state) {
  const HadamardTransform transform(state.range(0));
  MatrixF tokens = random_tokens(state.range(0));
  for (auto _ : state) transform.apply(tokens);
  count_bytes(state, 8);
  state.SetLabel(transform.description());
}

void quantize_activations(benchmark::State& state) {
  MatrixF tokens = random_tokens(state.range(0));
  for (auto _ : state) ActivationQuantizer{}.apply(tokens);
  count_bytes(state, 8);
}

// The default of lrc.
void fit_activations(benchmark::State& state) {
  const ActivationQuantizer quantizer{
      .clip = 1, .group_size = 32, .scale = ActivationScale::signed_absmax, .fits_clip = true};
  MatrixF tokens = random_tokens(state.range(0));
  for (auto _ : state) quantizer.apply(tokens);
  count_bytes(state, 8);
}

void gated_activation(benchmark::State& state) {
  Execution exec(1);
  MatrixF gate = random_tokens(state.range(0));
  const MatrixF up = random_tokens(state.range(0));
  for (auto _ : state) swiglu(exec, gate, up, gate);
  count_bytes(state, 12);
}

void fixed_point_rounding(benchmark::State& state) {
  const Index channels = state.range(0);
  const FixedPointScales scales(VectorD::Constant(channels, kTokens), 64);
  const MatrixF product = random_tokens(channels);
  std::vector<std::int64_t> sum(static_cast<std::size_t>(product.size()));  // kTokens×channels
  for (auto _ : state) {
    for (Index row = 0; row < kTokens; ++row)
      scales.add_row(row % channels, 0, channels, product.data() + row * channels, sum.data() + row * channels);
    benchmark::ClobberMemory();
  }
  count_bytes(state, 20);
}

BENCHMARK(copy)->Arg(1536)->Arg(14336);
BENCHMARK(hadamard)->Arg(1536)->Arg(4096)->Arg(11008)->Arg(14336);
BENCHMARK(quantize_activations)->Arg(1536)->Arg(14336);
BENCHMARK(fit_activations)->Arg(1536)->Arg(14336);
BENCHMARK(gated_activation)->Arg(1536)->Arg(14336);
BENCHMARK(fixed_point_rounding)->Arg(1536)->Arg(4096);

}  // namespace
}  // namespace lrc

BENCHMARK_MAIN();
