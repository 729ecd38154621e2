#include "lrc/plan/memory_phases.hpp"

#include <numeric>

#include "lrc/model/format/stored_model.hpp"
#include "lrc/plan/memory_of_learning.hpp"
#include "lrc/plan/memory_of_solves.hpp"
#include "lrc/plan/memory_of_sums.hpp"
#include "lrc/plan/memory_sizes.hpp"

namespace lrc {
namespace {

using namespace memory;

// The program, its libraries, and what MPI and BLAS keep, by measurement of a model of no size.
constexpr double kProgram = 48 * kMiB, kOfAThread = 16 * kMiB;

// What is there before any phase begins.
std::vector<MemoryTerm> base(const MemoryInputs& in) {
  return {{"the program", kProgram + in.threads * kOfAThread}, {"tokens", sizeof(std::int32_t) * tokens_of(in).all}};
}

PhaseMemory phase(const MemoryInputs& in, const std::string& name, const std::vector<MemoryTerm>& terms) {
  return {name, joined(base(in), terms)};
}

std::vector<PhaseMemory> block_by_block(const MemoryInputs& in, const Measurement& measured) {
  const MemoryTerm hidden = hidden_states(in, 1), block{"block weights", block_weights(in)};
  const std::vector<MemoryTerm> sums = sums_terms(in, measured);
  return {phase(in, measured.name + ": read a block", {hidden, block, {"rotation of a linear", rotating(in)}}),
          phase(in, measured.name + ": forward", joined({hidden, block, activations(in)}, sums)),
          phase(in, measured.name + ": use sums", joined({hidden, using_sums(in, measured)}, sums))};
}

// --propagate quantized: what both streams have while a stage of a block is measured and solved.
std::vector<MemoryTerm> propagated(const MemoryInputs& in, GroupRole stage) {
  const int streams = in.options.measures_drift() ? 2 : 1;
  // Between stages: what qkv and gate_up read follows from the hidden states, what they leave is read by those behind.
  const bool attention = stage == GroupRole::qkv || stage == GroupRole::attention_out;
  const GroupRole kept = attention ? GroupRole::attention_out : GroupRole::down;
  double staged = 0, factors = 0;  // channels that a token has as the stage's inputs; elements of U and V of a block
  for (const GroupLayout& group : block_layout(in.model, 0).groups()) {
    if (group.role == kept) staged += share_of_tokens(in.model, group) * real(group.inputs());
    for (const LinearStack& stack : stacks_of(group, in.options.stack_groups))
      factors += real(in.options.rank(stack, group.inputs()) * (stack.rows + group.inputs()));
  }
  return {hidden_states(in, streams),
          {"block weights", streams * block_weights(in) + kFloat * factors},
          {"inputs of a stage", streams * kFloat * tokens_of(in).shard * staged}};
}

std::vector<PhaseMemory> stage_by_stage(const MemoryInputs& in, GroupRole stage, const std::string& name) {
  const Measurement measured{.name = name,
                             .kind = in.options.statistics().kind,
                             .prepared = true,
                             .drifts = in.options.measures_drift(),
                             .roles = {stage}};
  const std::vector<MemoryTerm> there = propagated(in, stage), sums = sums_terms(in, measured);
  return {phase(in, name + ": forward", joined(joined(there, {activations(in)}), sums)),
          phase(in, name + ": use sums", joined(joined(there, {using_sums(in, measured)}), sums))};
}

Measurement plain_measurement(const MemoryInputs& in) {
  return {.name = "calibrate",
          .kind = in.options.statistics().kind,
          .prepared = in.options.takes_two_passes(),
          .by_panels = in.by_panels};
}

// Hidden states stay for the blocks behind.
PhaseMemory solving(const MemoryInputs& in, const std::vector<MemoryTerm>& there, const std::set<GroupRole>& roles,
                    const std::string& name) {
  return phase(in, name, joined(there, {largest_solve(in, roles)}));
}

// Weights are read a piece at a time, as stored and as floats; what was read of the tokens is
// cut to their number by a copy.
PhaseMemory checking(const MemoryInputs& in) {
  return phase(in, "check inputs",
               {{"a copy of the tokens", sizeof(std::int32_t) * tokens_of(in).all},
                {"a piece of the weights", 2 * kFloat * real(kCheckedAtOnce)}});
}

void append(std::vector<PhaseMemory>& all, const std::vector<PhaseMemory>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

std::vector<PhaseMemory> propagating_phases(const MemoryInputs& in) {
  const std::vector<MemoryTerm> there = propagated(in, GroupRole::qkv);
  std::vector<PhaseMemory> all{
      phase(in, "calibrate: read a block", joined(there, {{"rotation of a linear", rotating(in)}}))};
  for (const GroupRole stage : {GroupRole::qkv, GroupRole::attention_out, GroupRole::gate_up, GroupRole::down}) {
    const std::string name = stage_name(stage);
    append(all, stage_by_stage(in, stage, name));
    all.push_back(solving(in, propagated(in, stage), {stage}, name + ": solve"));
  }
  return all;
}

std::vector<PhaseMemory> learning_phases(const MemoryInputs& in) {
  const MemoryTerm hidden = hidden_states(in, 2), block{"block weights", block_weights(in)};
  return {phase(in, "learn: read a block", {hidden, block, {"rotation of a linear", rotating(in)}}),
          phase(in, "learn: forward", joined({hidden, block, activations(in)}, learning_terms(in))),
          phase(in, "learn", joined({hidden, block}, learning_terms(in)))};
}

}  // namespace

std::string stage_name(GroupRole stage) {
  switch (stage) {
    case GroupRole::qkv:
      return "propagate qkv";
    case GroupRole::attention_out:
      return "propagate attention_out";
    case GroupRole::gate_up:
      return "propagate gate_up";
    default:
      return "propagate down";
  }
}

double PhaseMemory::bytes() const {
  return std::accumulate(terms.begin(), terms.end(), 0.0,
                         [](double sum, const MemoryTerm& term) { return sum + term.bytes; });
}

StarvedExperts evenly_starved(const MemoryInputs& in) {
  StarvedExperts starved;
  if (in.model.experts == 0) return starved;
  const double tokens = tokens_of(in).all * real(in.model.experts_per_token) / real(in.model.experts);
  for (const GroupLayout& group : block_layout(in.model, 0).groups()) {
    if (group.expert == kNoExpert) continue;
    const Index least = in.options.min_expert_tokens;
    const Index enough = least > 0 ? least : 2 * group.inputs();
    starved[group.role] = tokens < real(enough) ? in.model.experts : 0;
  }
  return starved;
}

// The pass that tells the channels' maxima.
PhaseMemory smoothing(const MemoryInputs& in) {
  return phase(in, "smooth", {hidden_states(in, 1), {"block weights", block_weights(in)}, activations(in)});
}

std::vector<PhaseMemory> measuring_phases(const MemoryInputs& in) { return block_by_block(in, plain_measurement(in)); }

std::vector<PhaseMemory> memory_phases(const MemoryInputs& in) {
  std::vector<PhaseMemory> all{checking(in)};
  if (in.options.smooth > 0) all.push_back(smoothing(in));
  if (in.options.learns()) {
    append(all, learning_phases(in));
    return all;
  }
  if (in.options.propagates()) {
    append(all, propagating_phases(in));
    return all;
  }
  append(all, measuring_phases(in));
  all.push_back(solving(in, {hidden_states(in, 1)}, plain_measurement(in).roles, "solve"));
  return all;
}

}  // namespace lrc
