// What a solve works on, from the model and the committed moments: whole on one rank, or spread over a team.
#pragma once

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/linalg/matrix_kinds.hpp"
#include "lrc/pipeline/problem.hpp"
#include "lrc/pipeline/stack_weight.hpp"

namespace lrc {

template <class Matrix>
struct SolveInputs {
  StackParts parts{};
  InputTransform transform{};  ///< its directions: of each rank its own rows (matrix_kinds.hpp)
  Matrix weight{};             ///< d_out×d_in, divided by the sizes of its parts
  MomentsOf<Matrix> moments{};
  Matrix drift{};  ///< d_in×d_in: (X̄ − X) Xᵀ (SummedMoments), or 0×0
};

SolveInputs<MatrixD> whole_inputs(Execution& exec, const Problem& problem, Checkpoint& store, const SolveTask& task);

/// Each rank reads the weights of the task's group, and in its turns panels of the moments, one at a time, whose rows
/// go to the ranks that own them. Errors are thrown on all ranks. Collective over the grid.
SolveInputs<DistributedMatrix> distributed_inputs(Execution& exec, const Problem& problem, Checkpoint& store,
                                                  const SolveTask& task, const ProcessGrid& grid);

}  // namespace lrc
