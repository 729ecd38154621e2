// How much faster a team of ranks solves LRC(1) than one rank alone, one thread each, in the same run:
//   mpirun -n 2 team_solve_benchmark [SIZE=2048] [BLOCK=0: the default] [GRID_ROWS=RANKS]
// Target: at least 1.6 times on two ranks.
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <ctime>

#include "lrc/linalg/blas_core.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/quantization/low_rank/rank.hpp"
#include "lrc/quantization/team_grid.hpp"
#include "random_moments.hpp"

namespace {
using namespace lrc;

DistributedMatrix spread(const ProcessGrid& grid, const MatrixD& a, Index block) {
  return DistributedMatrix::from_panels(grid, a.rows(), a.cols(), block, [&](Index begin, Index end) -> MatrixD {
    return a.middleRows(begin, end - begin);
  });
}

// Of the slowest rank. Ranks that wait for messages keep their processor busy, so on a quiet machine both are about the
// same; on one that others use, processor time is the fairer.
struct Times {
  double wall, processor;
};

template <class Work>
Times times(const Communicator& world, Work work) {
  world.barrier();
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t processor_start = std::clock();
  work();
  const double processor = static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC;
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {world.max(wall), world.max(processor)};
}

void run(const Communicator& world, Index size, Index block, int grid_rows) {
  Execution exec(1);
  const Moments moments = random_moments(exec, size);
  const MatrixD weight = random_matrix(size, size, 4) * 0.02;
  const SolveOptions options{.name = "benchmark", .rank = rank_of(0.1, size, size)};

  SolveResult alone;
  const Times alone_times = times(world, [&] {
    if (world.is_root()) alone = solve(exec, Method::lrc, weight, moments, options);
  });
  const ProcessGrid grid(world, {grid_rows, world.size() / grid_rows});
  SolveResult together;
  double fill_time = 0;
  const Times team_times = times(world, [&] {
    const auto start = std::chrono::steady_clock::now();
    const DistributedMatrix spread_weight = spread(grid, weight, block);
    const MomentsOf<DistributedMatrix> spread_moments{moments.tokens, spread(grid, moments.xx, block),
                                                      spread(grid, moments.xy, block), spread(grid, moments.yy, block)};
    fill_time = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    together = solve(exec, Method::lrc, spread_weight, spread_moments, options);
  });
  if (!world.is_root()) return;
  fmt::print("{}\n", blas_description());
  fmt::print("LRC(1) of {0}×{0}, rank {1}, blocks of {2}\n", size, options.rank, block);
  fmt::print("one rank:  {:8.2f} s, of the processor {:8.2f} s, relative loss {:.9f}\n", alone_times.wall,
             alone_times.processor, alone.relative_loss);
  fmt::print(
      "{}×{} ranks: {:8.2f} s, of the processor {:8.2f} s, relative loss {:.9f}; {:.2f} s to spread the matrices\n",
      grid_rows, world.size() / grid_rows, team_times.wall, team_times.processor, together.relative_loss, fill_time);
  fmt::print("{:.2f} times as fast, {:.2f} by the processor's time (target on two ranks: 1.6)\n",
             alone_times.wall / team_times.wall, alone_times.processor / team_times.processor);
}

}  // namespace

int main(int argc, char** argv) {
  restart_with_faster_blas_core(argv);
  const auto argument = [&](int i, Index otherwise) {
    return argc > i && std::atoll(argv[i]) > 0 ? static_cast<Index>(std::atoll(argv[i])) : otherwise;
  };
  MPI_Init(&argc, &argv);
  single_threaded_blas();
  {
    const Communicator world;
    run(world, argument(1, 2048), argument(2, kTeamBlock), static_cast<int>(argument(3, world.size())));
  }
  MPI_Finalize();
}
