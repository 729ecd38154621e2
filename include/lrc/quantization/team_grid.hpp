// How many ranks a solve takes: one, or a team of them that holds its matrices together.
#pragma once

#include "lrc/linalg/process_grid.hpp"
#include "lrc/quantization/solve.hpp"

namespace lrc {

/// Block size of all matrices of a team's solve. Products work in blocks of their own size (distributed.cpp), and the
/// reduction to tridiagonal form is faster with small ones. It is part of the result's bits.
inline constexpr Index kTeamBlock = 64;

/// Bytes that the ranks of a team hold together at the peak of a solve, weight and moments included.
double team_workspace_bytes(Method method, Index d_out, Index d_in, Index rank);

/// The grid for a solve: the fewest ranks out of 1, 2, 4, 6, 8, … (`least` or more of them) whose share of
/// team_workspace_bytes is at most `bytes_per_rank`, as square as possible, with no more columns than rows. It depends
/// on the arguments alone, and with it the bytes of the result. Throws InputError naming --solve-memory where
/// kLargestTeam ranks would not do.
GridShape team_grid(Method method, Index d_out, Index d_in, Index rank, double bytes_per_rank, int least = 1);
inline constexpr int kLargestTeam = 4096;

}  // namespace lrc
