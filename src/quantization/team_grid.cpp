#include "lrc/quantization/team_grid.hpp"

#include <cassert>

namespace lrc {
namespace {

// Rather taller than wide: ScaLAPACK's reduction to a tridiagonal matrix is faster on 2×1 ranks than on 1×2.
GridShape squarest(int team) {
  int cols = 1;
  for (int i = 2; i * i <= team; ++i) {
    if (team % i == 0) cols = i;
  }
  return {team / cols, cols};
}

}  // namespace

double team_workspace_bytes(Method method, Index d_out, Index d_in, Index rank) {
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  return sizeof(double) * (rows * cols + 3 * cols * cols) + solve_workspace_bytes(method, d_out, d_in, rank);
}

GridShape team_grid(Method method, Index d_out, Index d_in, Index rank, double bytes_per_rank, int least) {
  assert(bytes_per_rank > 0 && 1 <= least && least <= kLargestTeam);
  const double bytes = team_workspace_bytes(method, d_out, d_in, rank);
  for (int team = 1; team <= kLargestTeam; team += team == 1 ? 1 : 2) {
    if (team >= least && bytes / team <= bytes_per_rank) return squarest(team);
  }
  throw InputError("solve memory", fmt::format("{:.3g} bytes per rank are too few for a {}×{} linear: its solve "
                                               "needs {:.3g} in all, and its team may have up to {} ranks",
                                               bytes_per_rank, d_out, d_in, bytes, kLargestTeam));
}

}  // namespace lrc
