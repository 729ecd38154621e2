// The solve of a linear whose matrices do not fit one rank, done by the ranks of a grid.
#pragma once

#include "lrc/quantization/group_problem.hpp"

namespace lrc {

/// solve() for gptq, svd and lrc, distributed: the same algorithm in the same precision, so the same relative loss to
/// 1e-6; the bits depend on grid and block size. Complete on rank 0; other ranks get relative_loss, damping and
/// iterations_done only. Rank 0 gathers codes, scales, U and V; each rank quantizes ceil(d_out / ranks) rows, to which
/// the factor's rows are sent in panels of 256. Errors are those of solve(), thrown by all ranks together. Collective;
/// `exec` is this rank's. Preconditions as in solve(), method ≠ rtn (its rows need no group), and options
/// of the paper's form: no directions, not deflated, factors in 16 bits.
SolveResult group_solve(Execution& exec, const ProcessGrid& grid, Method method, const GroupProblem& problem,
                        const SolveOptions& options);

}  // namespace lrc
