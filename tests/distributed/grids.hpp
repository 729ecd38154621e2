// Every grid the tests run on, each over the first ranks of the job; the other ranks wait for the end of a test.
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <memory>

#include "lrc/linalg/distributed_matrix.hpp"
#include "lrc/linalg/moments.hpp"

namespace lrc {

class Grids : public testing::TestWithParam<GridShape> {
 protected:
  /// Runs `test` on the ranks of a grid of GetParam(); skipped where the job has too few.
  void on_grid(const std::function<void(const ProcessGrid&)>& test) {
    const Communicator world;
    if (GetParam().ranks() > world.size()) GTEST_SKIP() << "needs " << GetParam().ranks() << " ranks";
    const bool in = world.rank() < GetParam().ranks();
    MPI_Comm handle;
    check_mpi(MPI_Comm_split(world.handle(), in ? 0 : 1, world.rank(), &handle), "MPI_Comm_split");
    try {
      if (in) test(ProcessGrid(Communicator(handle), GetParam()));
    } catch (const std::exception& error) {  // the ranks outside of the grid wait below
      ADD_FAILURE() << error.what();
    }
    check_mpi(MPI_Comm_free(&handle), "MPI_Comm_free");
    world.barrier();
  }
};

inline const auto kGrids = testing::Values(GridShape{1, 1}, GridShape{2, 1}, GridShape{1, 2}, GridShape{2, 2},
                                           GridShape{3, 2}, GridShape{2, 3});

inline std::string grid_name(const testing::TestParamInfo<GridShape>& info) {
  return fmt::format("{}x{}", info.param.rows, info.param.cols);
}

/// `a`, which every rank has, as a distributed matrix.
inline DistributedMatrix spread(const ProcessGrid& grid, const MatrixD& a, Index block) {
  return DistributedMatrix::from_panels(grid, a.rows(), a.cols(), block, [&](Index begin, Index end) -> MatrixD {
    return a.middleRows(begin, end - begin);
  });
}

inline MomentsOf<DistributedMatrix> spread(const ProcessGrid& grid, const Moments& moments, Index block) {
  return {moments.tokens, spread(grid, moments.xx, block), spread(grid, moments.xy, block),
          spread(grid, moments.yy, block), moments.borrowed};
}

inline MatrixD collected(const DistributedMatrix& a) { return a.rows_everywhere(0, a.rows(), 0); }

inline double largest(const MatrixD& a) { return a.size() == 0 ? 0.0 : a.cwiseAbs().maxCoeff(); }

}  // namespace lrc
