// How fast the solves are, against the dgemm peak of this machine measured in the same run:
//   solve_benchmark [SIZE=4096] [THREADS=1] [RANK_FRACTION=0.1]
// Targets: the GPTQ loop at ≥ 40 % of peak (d_out·d_in² operations); a whole LRC(1) solve in < 3× the time of its
// factorizations and products at peak plus one symmetric eigensolve.
#include <cblas.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>

#include "lrc/linalg/blas_core.hpp"
#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/eigen.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/quantization/grid/gptq.hpp"
#include "lrc/quantization/low_rank/rank.hpp"
#include "lrc/quantization/moments/damped_moments.hpp"
#include "lrc/quantization/solve.hpp"
#include "random_moments.hpp"
#include "seconds.hpp"

namespace {
using namespace lrc;

// Operations a second of one thread in one large product.
double dgemm_peak(Index size) {
  const MatrixD a = random_matrix(size, size, 4), b = random_matrix(size, size, 5);
  MatrixD c(size, size);
  const int n = narrow<int>(size);
  const double time = seconds(
      [&] {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0, a.data(), n, b.data(), n, 0.0, c.data(),
                    n);
      },
      3);
  return 2.0 * n * n * n / time;
}

// The operations of solve_lrc with one iteration, m = d_out, n = d_in, k = rank, without the eigensolves.
double lrc_operations(double m, double n, double k) {
  const double smaller = std::min(m, n), larger = std::max(m, n);
  const double factorizations = 3 * n * n * n / 3;             // of Sy, S, Sx
  const double schur = n * n * n + n * n * n;                  // Z = Sxy Ry⁻ᵀ; Z Zᵀ, one triangle
  const double scaled = m * n * n;                             // W R, of S
  const double gram = 2 * smaller * smaller * larger;          // A Aᵀ or Aᵀ A, one triangle, twice
  const double target = 2 * m * n * n + 2 * m * n * n;         // (W − U Vᵀ) Sxy; two triangular solves
  const double quantize = m * n * n;                           // GPTQ
  const double refit = m * n * n + 2 * m * n * n + m * n * n;  // W Rx; Ŵ Sxyᵀ; · Rx⁻ᵀ
  const double loss = 3 * m * n * n + 2 * m * n * n;           // three quadratic forms; Ŵ Sxyᵀ
  const double low_rank = 4 * 2 * m * n * k + 2 * n * n * k;   // U Vᵀ twice, Uᵀ A twice; · R⁻¹ twice
  return factorizations + schur + scaled + gram + target + quantize + refit + loss + low_rank;
}

void run(Index size, int threads, double fraction) {
  Execution exec(threads);
  const double peak = dgemm_peak(std::min<Index>(size, 4096)) * threads;
  fmt::print("{}\ndgemm peak, {} thread(s): {:.1f} GFlop/s\n", blas_description(), threads, peak * 1e-9);

  const Moments moments = random_moments(exec, size);
  const MatrixD weight = random_matrix(size, size, 6) * 0.02;
  const auto n = static_cast<double>(size);
  fmt::print("{:<44}{:>10}{:>12}\n", fmt::format("{0}×{0}", size), "seconds", "of peak");
  const auto show = [&](const char* what, double time, double operations) {
    fmt::print("{:<44}{:>10.2f}{:>10.0f} %\n", what, time, 100 * operations / time / peak);
  };

  MatrixD root = damped(exec, moments.yy, 0.01);
  show("Cholesky factorization", seconds([&] { upper_cholesky(exec, root); }, 1), n * n * n / 3);
  const double scales_time = seconds([&] { fit_grid(exec, weight, WeightGrid{}); }, 1);
  fmt::print("{:<44}{:>10.2f}\n", "clip search", scales_time);
  const double asymmetric_time = seconds([&] { fit_grid(exec, weight, {.bits = 4, .zero_points = true}); }, 1);
  fmt::print("{:<44}{:>10.2f}\n", "range search of an asymmetric grid", asymmetric_time);
  const double gptq_time = seconds([&] { gptq(exec, weight, root, WeightGrid{}); }, 1) - scales_time;
  show("GPTQ loop (target 40 %)", gptq_time, n * n * n);

  const Index rank = rank_of(fraction, size, size);
  const double eigen_time = seconds([&] { leading_eigenvectors(exec, moments.xx, rank); }, 1);
  fmt::print("{:<44}{:>10.2f}\n", fmt::format("eigensolve, {} leading vectors", rank), eigen_time);
  const double operations = lrc_operations(n, n, static_cast<double>(rank));
  const double ideal = operations / peak + eigen_time;
  SolveResult result;
  const double time =
      seconds([&] { result = solve(exec, Method::lrc, weight, moments, {.name = "benchmark", .rank = rank}); }, 1);
  fmt::print("{:<44}{:>10.2f}\n", fmt::format("LRC(1), rank {}, relative loss {:.4f}", rank, result.relative_loss),
             time);
  fmt::print("{:<44}{:>10.2f}\n", fmt::format("ideal: {:.1f} n³ operations, one eigensolve", operations / (n * n * n)),
             ideal);
  fmt::print("LRC(1) takes {:.2f} times the ideal (target: under 3)\n", time / ideal);
}

}  // namespace

int main(int argc, char** argv) {
  lrc::restart_with_faster_blas_core(argv);
  try {
    lrc::single_threaded_blas();
    run(argc > 1 ? std::atoll(argv[1]) : 4096, argc > 2 ? std::atoi(argv[2]) : 1, argc > 3 ? std::atof(argv[3]) : 0.1);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "solve_benchmark: {}\n", error.what());
    return 1;
  }
}
