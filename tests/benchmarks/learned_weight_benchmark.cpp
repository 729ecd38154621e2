// What a step of learning costs per linear beside the block's forward and backward passes, against the sgemm peak of
// this machine measured in the same run:
//   learned_weight_benchmark [THREADS=1]
// The products are those with L2 and U2. "of peak" counts them alone: what the rounding takes shows as what is missing.
#include <cblas.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <random>

#include "lrc/linalg/blas_core.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/quantization/lrq/adam.hpp"
#include "lrc/quantization/lrq/gradient_sum.hpp"
#include "lrc/quantization/lrq/learned_weight.hpp"
#include "seconds.hpp"

namespace {
using namespace lrc;

MatrixF random_matrix(Index rows, Index cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  return MatrixF::NullaryExpr(rows, cols, [&] { return normal(random); });
}

// Operations a second of one thread in one large product.
double sgemm_peak() {
  constexpr int kSize = 1536;
  const MatrixF a = random_matrix(kSize, kSize, 4), b = random_matrix(kSize, kSize, 5);
  MatrixF c(kSize, kSize);
  const double time = seconds([&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSize, kSize, kSize, 1, a.data(), kSize, b.data(), kSize, 0,
                c.data(), kSize);
  });
  return 2.0 * kSize * kSize * kSize / time;
}

LearnedWeight learned(LearnedForm form, Execution& exec, Index d_out, Index d_in, Index rank) {
  const WeightGrid grid{.bits = 4, .zero_points = true, .range = Range::minmax};
  const MatrixF weight = random_matrix(d_out, d_in, 1) * 0.02F;
  const FittedGrid fitted = fit_grid(exec, weight.cast<double>(), grid);
  if (form == LearnedForm::additive) return LearnedWeight::additive(weight, grid, fitted);
  if (form == LearnedForm::full) return LearnedWeight::full(weight, grid.bits, fitted);
  return LearnedWeight::low_rank(weight, grid.bits, fitted, initial_u2(rank, d_in, 1, "benchmark"));
}

// Without the copy that the gradient's way takes the place of.
double gradient_seconds(Execution& exec, const LearnedWeight& weight, const MatrixF& by_values) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 9; ++i) {
    MatrixF copy = by_values;
    best = std::min(best, seconds([&] { weight.gradient(exec, std::move(copy)); }, 1));
  }
  return best;
}

void run(Execution& exec, double peak, const char* name, LearnedForm form, Index d_out, Index d_in) {
  const Index rank = std::min(d_out, d_in) / 4;
  LearnedWeight weight = learned(form, exec, d_out, d_in, rank);
  const MatrixF by_values = random_matrix(d_out, d_in, 2);
  std::vector<MatrixF> gradients = weight.gradient(exec, by_values);
  std::vector<AdamMoments> moments;
  for (const NamedMatrix& p : weight.parameters()) moments.push_back(AdamMoments::zeros(p.values));
  Index step = 0;
  const auto move = [&] {
    ++step;
    for (std::size_t k = 0; k < moments.size(); ++k) {
      adam_step(exec, step, 1e-4, gradients[k], moments[k], weight.parameters()[k].values);
    }
  };
  move();  // away from L2 = 0
  MatrixF result;
  const double values = seconds([&] { result = weight.values(exec); });
  const double gradient = gradient_seconds(exec, weight, by_values);
  const double adam = seconds(move);
  GradientSum sum(d_out, d_in, 8, 2);
  const double add = seconds([&] { sum.add(exec, by_values); });
  const auto elements = static_cast<double>(d_out * d_in);
  const double product = form == LearnedForm::low_rank ? 2 * elements * static_cast<double>(rank) / peak : 0;
  const double total = values + gradient + adam;
  fmt::print("{:<10}{:>5}×{:<5}{:>9.2f}{:>10.2f}{:>8.2f}{:>10.2f}{:>12.2f}{:>10.0f} %{:>9.2f}\n", name, d_out, d_in,
             values * 1e3, gradient * 1e3, adam * 1e3, add * 1e3, 4 * product * 1e3, 100 * 4 * product / total,
             (total - 4 * product) / elements * 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  restart_with_faster_blas_core(argv);
  single_threaded_blas();
  Execution exec(argc > 1 ? std::atoi(argv[1]) : 1);
  const double peak = sgemm_peak() * exec.threads();
  fmt::print("{}\nsgemm peak, {} thread(s): {:.1f} GFlop/s\n", blas_description(), exec.threads(), peak * 1e-9);
  fmt::print("{:<21}{:>9}{:>10}{:>8}{:>10}{:>12}{:>12}{:>9}\n", "milliseconds", "values", "gradient", "Adam",
             "exact sum", "4 products", "of peak", "rest, ns");
  for (const auto& [d_out, d_in] : {std::pair<Index, Index>{576, 1536}, {1536, 576}}) {
    run(exec, peak, "LRQ", LearnedForm::low_rank, d_out, d_in);
    run(exec, peak, "FlexRound", LearnedForm::full, d_out, d_in);
    run(exec, peak, "additive", LearnedForm::additive, d_out, d_in);
  }
}
