// --propagate quantized: every group of linears is solved for the inputs that the quantized groups before it give. A
// block goes in four stages, qkv, attention_out, gate_up, down: measure the stage's groups on both streams, solve them
// through the queue, put them into the quantized stream.
#pragma once

#include "lrc/pipeline/run_context.hpp"

namespace lrc {

/// Does what the plan has left. Hidden states are not committed: a run that goes on takes both streams through the
/// groups that are solved, which costs their forward pass and no sums or solves. Collective.
void propagate(const RunContext& run, const WorkPlan& plan);

}  // namespace lrc
