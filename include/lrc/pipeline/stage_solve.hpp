// --propagate quantized: a stage of a block is solved before the tokens go on, so that every group of linears answers
// for the inputs that the quantized groups before it give.
#pragma once

#include "lrc/pipeline/run_context.hpp"

namespace lrc {

/// Solves what the plan has left of a stage of block `index`, whose moments are committed, drops the moments, and puts
/// all of the stage's solved groups into `block`. `of` says where they belong. Collective.
void solve_stage(const RunContext& run, const WorkPlan& plan, Index index, GroupRole stage, Block& block,
                 const std::string& of);

}  // namespace lrc
