// Where a group of ranks finds a linear and its moments: the model and the committed panels.
#pragma once

#include "lrc/quantization/group_problem.hpp"
#include "run_context.hpp"

namespace lrc {

/// Reads what it is asked for when it is asked; keeps the last panel of moments and the group's weights.
GroupSource group_source(const RunContext& run, const SolveTask& task);

/// The weights of a stack, one above the other: d_out×d_in.
MatrixD stack_weight(const LinearGroup& group, const LinearStack& stack);

/// How many tokens the moments of the task saw, and borrowed; their matrices are empty.
Moments token_counts(const RunContext& run, const SolveTask& task);

}  // namespace lrc
