// What the kinds of work of a run cost, for its progress. Guesses: the pace that is seen corrects them.
#pragma once

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/core/run_progress.hpp"
#include "lrc/pipeline/problem.hpp"

namespace lrc {

/// What the pass through the model does, as progress calls it.
inline constexpr const char *kPass = "calibrate", *kUseSums = "use sums", *kLearn = "learn";
/// The pass before it, which is also a phase of the memory plan.
inline constexpr const char* kSmooth = "smooth";

/// All work of the run, but for the solves that are committed.
void expect_work(RunProgress& progress, const Problem& problem, int ranks, const Checkpoint& store);

/// The blocks that the pass has left: to be passed, and those of them whose sums are used.
struct BlocksLeft {
  Index passed, used;
};
void expect_pass(RunProgress& progress, const Problem& problem, int ranks, BlocksLeft left);

/// Operations of a step of a block that learns, on the rank that has most.
double learning_step_cost(const Problem& problem, int ranks);

/// Order of growth of a solve: the factorizations on the input side and the products with the weight.
double solve_cost(const SolveTask& task);
/// That for a rank, where several share it.
double solve_cost_of_a_rank(const CalibrateOptions& options, const SolveTask& task);
/// Of all solves of the run, committed ones included, by solve_cost_of_a_rank.
double solve_costs(const Problem& problem);

}  // namespace lrc
