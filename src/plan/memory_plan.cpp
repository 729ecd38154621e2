#include "lrc/plan/memory_plan.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>

#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/plan/memory_limit.hpp"

namespace lrc {
namespace {

double peak_of(const std::vector<PhaseMemory>& phases) {
  double peak = 0;
  for (const PhaseMemory& phase : phases) peak = std::max(peak, phase.bytes());
  return peak;
}

// How much, for what, and what most of it is for.
std::string terms_text(const PhaseMemory& phase) {
  std::string terms;
  const MemoryTerm* largest = &phase.terms.front();
  for (const MemoryTerm& term : phase.terms) {
    if (term.bytes > largest->bytes) largest = &term;
    if (term.bytes > 0) terms += fmt::format("{}{} {}", terms.empty() ? "" : ", ", term.name, bytes_text(term.bytes));
  }
  return fmt::format("{} ({}), most of it for '{}'", bytes_text(phase.bytes()), terms, largest->name);
}

// For whoever runs out of it.
void announce(const std::vector<PhaseMemory>& phases) {
  std::map<std::string, std::string> needs;
  for (const PhaseMemory& phase : phases) needs[phase.phase] = terms_text(phase);
  set_planned_memory(std::move(needs));
}

}  // namespace

MemoryPlan::MemoryPlan(MemoryInputs inputs, double limit, bool binding)
    : inputs_(std::move(inputs)), limit_(limit), binding_(binding) {
  inputs_.starved = evenly_starved(inputs_);
  const CalibrateOptions& options = inputs_.options;
  const bool whole = options.takes_two_passes() || options.propagates();  // one rank needs all of a group's moments
  for (const GroupRole role : {GroupRole::down, GroupRole::gate_up, GroupRole::attention_out, GroupRole::qkv}) {
    const double before = peak_of(measuring_phases(inputs_));
    if (whole || before <= limit_) break;
    inputs_.by_panels.insert(role);
    if (peak_of(measuring_phases(inputs_)) >= before) inputs_.by_panels.erase(role);
  }
  phases_ = memory_phases(inputs_);
  announce(phases_);
}

double MemoryPlan::peak() const { return peak_of(phases_); }

void MemoryPlan::demand() const {
  const auto too_large = std::max_element(phases_.begin(), phases_.end(),
                                          [](const auto& a, const auto& b) { return a.bytes() < b.bytes(); });
  if (too_large->bytes() <= limit_) return;
  const InputError error(
      "--memory", fmt::format("{} a rank will not do: phase '{}' needs {}; take more memory a rank, more ranks, or "
                              "fewer or shorter sequences",
                              bytes_text(limit_), too_large->phase, terms_text(*too_large)));
  if (binding_) throw error;
  log_warning(error.what());
}

void MemoryPlan::expect(const StarvedExperts& starved, Index index) {
  bool more = false;
  for (const auto& [role, experts] : starved) {
    more = more || experts > inputs_.starved[role];
    inputs_.starved[role] = std::max(inputs_.starved[role], experts);
  }
  if (!more) return;
  phases_ = memory_phases(inputs_);
  announce(phases_);
  log_info(fmt::format("memory: up to {} a rank, as experts of block {} see few tokens", bytes_text(peak()), index));
  demand();
}

void demand_teams(const ModelConfig& model, const CalibrateOptions& options, int ranks) {
  const BlockLayout layout = block_layout(model, 0);
  for (const GroupLayout& group : layout.groups()) {
    for (const LinearStack& stack : stacks_of(group, options.stack_groups)) {
      const int needed = options.solve_grid(stack, group.inputs()).ranks();
      if (needed <= ranks) continue;
      const bool slow = options.is_slow_alone(group.inputs());
      throw InputError(
          slow ? "--team-inputs" : "--solve-memory",
          fmt::format("with {}, the solve of {} ({}×{}) needs a team of {} ranks, but the job has {}; take "
                      "more ranks or more {} for a solve",
                      slow ? std::to_string(options.team_inputs) : bytes_text(options.solve_memory), stack.name,
                      stack.rows, group.inputs(), needed, ranks, slow ? "inputs" : "memory"));
    }
  }
}

double memory_of_a_rank(int ranks_on_host) { return 0.9 * memory_of_job() / ranks_on_host; }

double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

void return_free_memory() { malloc_trim(0); }

}  // namespace lrc
