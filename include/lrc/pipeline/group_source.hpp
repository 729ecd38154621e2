// Where a group of ranks finds a linear and its moments: the model and the committed panels.
#pragma once

#include "lrc/pipeline/run_context.hpp"
#include "lrc/quantization/balance.hpp"
#include "lrc/quantization/group_problem.hpp"

namespace lrc {

/// The matrices in a stack (part_rows), which are solved at one size (balance.hpp).
struct StackParts {
  std::vector<Index> rows;  ///< d_out of each
  VectorF sizes;            ///< of each
};
StackParts stack_parts(const LinearGroup& linears, const GroupLayout& group, const LinearStack& stack);

/// The weights of a stack, one above the other, divided by the sizes: d_out×d_in.
MatrixD stack_weight(const LinearGroup& linears, const LinearStack& stack, const StackParts& parts);

/// Reads what it is asked for when it is asked; keeps the last panel of moments and `weights`, those of the
/// task's group, which are divided by the sizes.
GroupSource group_source(const RunContext& run, const SolveTask& task, const std::shared_ptr<LinearGroup>& weights,
                         const StackParts& parts);

/// How many tokens the moments of the task saw, and borrowed; their matrices are empty.
Moments token_counts(const RunContext& run, const SolveTask& task);

}  // namespace lrc
