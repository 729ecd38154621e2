#include "memory_phases.hpp"

#include <algorithm>
#include <numeric>

#include "lrc/calibration/group_sums.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/quantization/code_descent.hpp"
#include "run_inputs.hpp"

namespace lrc {
namespace {

constexpr double kByte = 1, kFloat = sizeof(float), kDouble = sizeof(double), kMiB = 1024.0 * 1024.0;
// The program, its libraries, and what MPI and BLAS keep, by measurement of a model of no size.
constexpr double kProgram = 48 * kMiB, kOfAThread = 16 * kMiB;
constexpr double kReduced = 32 * kMiB;      // at a time: MPI takes as much again
constexpr double kStoredPanel = 64 * kMiB;  // of moments, at most

double real(Index value) { return static_cast<double>(value); }
double size(const LinearLayout& linear) { return real(linear.rows) * real(linear.cols); }

double weights(const GroupLayout& group) {
  double all = 0;
  for (const LinearLayout& linear : group.linears) all += size(linear);
  return all;
}

double largest_linear(const GroupLayout& group) {
  double largest = 0;
  for (const LinearLayout& linear : group.linears) largest = std::max(largest, size(linear));
  return largest;
}

// What is there before any phase begins.
struct Tokens {
  double all, unit, shard;  // of the run, of a unit of work, of the rank that has most
};

Tokens tokens_of(const MemoryInputs& in) {
  const Index length = in.options.sequence_length, in_unit = sequences_per_unit(length);
  const Index units = ceil_div(ceil_div(in.sequences, in_unit), in.ranks);
  const Index unit = std::min(in_unit, in.sequences);
  return {real(in.sequences * length), real(unit * length), real(std::min(in.sequences, units * in_unit) * length)};
}

std::vector<MemoryTerm> base(const MemoryInputs& in) {
  return {{"the program", kProgram + in.threads * kOfAThread}, {"tokens", sizeof(std::int32_t) * tokens_of(in).all}};
}

PhaseMemory phase(const MemoryInputs& in, const std::string& name, const std::vector<MemoryTerm>& terms) {
  PhaseMemory result{name, base(in)};
  result.terms.insert(result.terms.end(), terms.begin(), terms.end());
  return result;
}

// How much of a rank's tokens reach a group: all, or an expert's share of them, which over all experts is exact.
double share_of_tokens(const ModelConfig& model, const GroupLayout& group) {
  return group.expert == kNoExpert ? 1 : real(model.experts_per_token) / real(model.experts);
}

// Channels a token, of what is there at once while a unit goes through attention or an MLP; an expert may see them all.
double activation_channels(const ModelConfig& model) {
  const double hidden = real(model.hidden_size), inner = real(model.intermediate_size);
  const double attention = 2 * hidden + 3 * real(model.query_size()) + 2 * real(model.key_size());
  return std::max(attention, (model.experts > 0 ? 3 : 2) * hidden + 3 * inner);
}

// One measurement of a block: what is summed of its groups, and how.
struct Measurement {
  std::string name;
  MomentKind kind;
  bool prepared;
  bool drifts = false;
  std::set<GroupRole> by_panels{};
  std::set<GroupRole> roles{GroupRole::qkv, GroupRole::attention_out, GroupRole::gate_up, GroupRole::down};
};

MomentKind first_kind(const Measurement& measured) { return measured.prepared ? MomentKind::inputs : measured.kind; }

bool is_by_panels(const Measurement& measured, const GroupLayout& group) {
  return !measured.prepared && measured.by_panels.contains(group.role);
}

double all_channels(MomentKind kind, const GroupLayout& group) {
  return MomentSums::bytes(kind, group.inputs(), {0, group.inputs()});
}

double largest_panel(MomentKind kind, const GroupLayout& group) {
  const MomentPanels panels{group.inputs()};
  double largest = 0;  // the last panel has fewer rows, the first ones fewer columns of what is symmetric
  for (Index panel = 0; panel < panels.count(); ++panel)
    largest = std::max(largest, MomentSums::bytes(kind, group.inputs(), panels.rows(panel)));
  return largest;
}

// Of one set of tokens.
double sums_of(const Measurement& measured, const GroupLayout& group) {
  const double first = is_by_panels(measured, group) ? 0 : all_channels(first_kind(measured), group);
  return first + (measured.drifts ? all_channels(MomentKind::drift, group) : 0);
}

struct Sums {
  double sums = 0, kept = 0, starved = 0;

  std::vector<MemoryTerm> terms() const {
    return {{"sums of moments", sums}, {"kept inputs", kept}, {"experts that see few tokens", starved}};
  }
};

Sums sums_of(const MemoryInputs& in, const Measurement& measured) {
  const BlockLayout layout = block_layout(in.model, 0);
  const double shard = tokens_of(in).shard;
  Sums all;
  for (const GroupLayout& group : layout.groups) {
    if (!measured.roles.contains(group.role)) continue;
    const bool keeps = measured.prepared || is_by_panels(measured, group);
    const double kept = keeps ? kFloat * shard * real(group.inputs()) : 0, sums = sums_of(measured, group);
    all.sums += sums;
    all.kept += kept * share_of_tokens(in.model, group);
    const auto starved = in.starved.find(group.role);
    if (starved != in.starved.end() && group.expert != kNoExpert && group.expert < starved->second)
      all.starved += sums + kept;
  }
  return all;
}

bool may_starve(const MemoryInputs& in, const GroupLayout& group) {
  const auto starved = in.starved.find(group.role);
  return group.expert != kNoExpert && starved != in.starved.end() && starved->second > 0;
}

// Reading and rotating a group's weights: all as floats, and the largest twice as doubles.
double reading(const GroupLayout& group) { return kFloat * weights(group) + 2 * kDouble * largest_linear(group); }

// Summing and committing a group's panels, one after the other.
double storing(const MemoryInputs& in, const Measurement& measured, const GroupLayout& group) {
  const double panel = largest_panel(first_kind(measured), group);
  const double sums = is_by_panels(measured, group)
                          ? panel * (may_starve(in, group) ? 2 : 1) + kFloat * tokens_of(in).unit * real(group.inputs())
                          : 0;
  return sums + std::min(panel, kReduced) + std::min(panel, kStoredPanel);
}

// On the rank that finds what prepares a group's inputs, before they are summed anew: the weights, the moments, the
// factor or the eigenvectors of them, and copies.
double finding(const MemoryInputs& in, const Measurement& measured, const GroupLayout& group) {
  const double d = real(group.inputs()), w = weights(group),
               rank = real(in.options.largest_rank(stacks_of(group, true).front().rows, group.inputs()));
  const double rows = w / d, smaller = std::min(rows, d);
  const double centring = in.options.center_activations ? kDouble * d * d : 0;
  const double drift = measured.drifts ? (kFloat + 3 * kDouble) * d * d + 2 * kDouble * w : 0;
  const double directions =
      in.options.residual_activations
          ? kDouble * (w + std::max(d * d, w + 2 * smaller * smaller) + 4 * d * rank + rows * rank)
          : 0;
  return std::max(reading(group), kFloat * w + kDouble * w) + kDouble * d * d + std::max({centring, drift, directions});
}

// The second pass over a group's inputs: its sums on all ranks, and what its owner has kept and makes of them.
double summing_anew(const MemoryInputs& in, const Measurement& measured, const GroupLayout& group) {
  const bool exact = in.options.moments == "exact";
  const double d = real(group.inputs()), sets = may_starve(in, group) ? 2 : 1;
  const double sums = sets * all_channels(exact ? MomentKind::cross : MomentKind::diagonals, group);
  const double owned =
      kDouble * (weights(group) + d * d) + (exact ? 2 : 0) * kFloat * d * d + (measured.drifts ? kFloat * d * d : 0);
  const double scales = kFloat * tokens_of(in).unit * real(in.options.quantizer().groups(group.inputs()));
  return sums + std::min(sums, kReduced) + owned + scales + (exact ? 3 : 2) * kFloat * tokens_of(in).unit * d;
}

double preparing(const MemoryInputs& in, const Measurement& measured, const GroupLayout& group) {
  const double d = real(group.inputs());
  const double stored =
      (in.options.moments == "exact" ? 3 : 1) * kFloat * d * d + (measured.drifts ? kFloat * d * d : 0);
  return std::max({finding(in, measured, group), summing_anew(in, measured, group), stored + kStoredPanel});
}

// Sx and what it says of the ranks of a group's stacks, one group after the other.
double finding_spectra(const MemoryInputs& in, const GroupLayout& group) {
  const double d = real(group.inputs());
  double largest = 0;
  for (const LinearStack& stack : stacks_of(group, in.options.stack_groups)) {
    const double w = real(stack.rows) * d, smaller = std::min(real(stack.rows), d);
    const double most = real(in.options.largest_rank(stack.rows, group.inputs()));
    const double gains = in.options.residual_activations ? d * d + 2 * d * most
                                                         : 6 * d * d + w + 2 * smaller * smaller + 2 * smaller * most;
    largest = std::max(largest, kDouble * (w + std::max(gains, w)));
  }
  const double moments = (kFloat + 2 * kDouble) * d * d;  // as floats, as doubles, centred
  return std::max(moments + reading(group), moments + kFloat * weights(group) + largest);
}

template <class Bytes>
MemoryTerm largest_of(const MemoryInputs& in, const std::set<GroupRole>& roles, const std::string& what,
                      const Bytes& bytes) {
  MemoryTerm largest{what, 0};
  for (const GroupLayout& group : block_layout(in.model, 0).groups) {
    if (!roles.contains(group.role)) continue;
    if (const double need = bytes(group); need > largest.bytes) largest = {what + " of " + group.name, need};
  }
  return largest;
}

MemoryTerm hidden_states(const MemoryInputs& in, int streams) {
  const double probe = 256;  // tokens that tell the scales
  return {"hidden states", streams * kFloat * (tokens_of(in).shard + probe) * real(in.model.hidden_size)};
}

double block_weights(const MemoryInputs& in) {
  double all = in.model.experts > 0 ? real(in.model.experts) * real(in.model.hidden_size) : 0;
  for (const GroupLayout& group : block_layout(in.model, 0).groups) all += weights(group);
  return kFloat * all;
}

// What is done with the sums when a block has been passed.
MemoryTerm using_sums(const MemoryInputs& in, const Measurement& measured) {
  if (measured.name == "spectra")
    return largest_of(in, measured.roles, "spectra",
                      [&](const GroupLayout& group) { return finding_spectra(in, group); });
  if (measured.prepared)
    return largest_of(in, measured.roles, "preparing inputs",
                      [&](const GroupLayout& group) { return preparing(in, measured, group); });
  return largest_of(in, measured.roles, "a panel of sums",
                    [&](const GroupLayout& group) { return storing(in, measured, group); });
}

double rotating(const MemoryInputs& in) {
  double largest = 0;
  for (const GroupLayout& group : block_layout(in.model, 0).groups)
    largest = std::max(largest, 2 * kDouble * largest_linear(group));
  return largest;
}

MemoryTerm activations(const MemoryInputs& in) {
  return {"activations of a unit", kFloat * tokens_of(in).unit * activation_channels(in.model)};
}

std::vector<MemoryTerm> joined(std::vector<MemoryTerm> terms, const std::vector<MemoryTerm>& more) {
  terms.insert(terms.end(), more.begin(), more.end());
  return terms;
}

std::vector<PhaseMemory> block_by_block(const MemoryInputs& in, const Measurement& measured) {
  const MemoryTerm hidden = hidden_states(in, 1), block{"block weights", block_weights(in)};
  const std::vector<MemoryTerm> sums = sums_of(in, measured).terms();
  return {phase(in, measured.name + ": read a block", {hidden, block, {"rotation of a linear", rotating(in)}}),
          phase(in, measured.name + ": forward", joined({hidden, block, activations(in)}, sums)),
          phase(in, measured.name + ": use sums", joined({hidden, using_sums(in, measured)}, sums))};
}

// --propagate quantized: what both streams have while a stage of a block is measured and solved.
std::vector<MemoryTerm> propagated(const MemoryInputs& in, GroupRole stage) {
  const int streams = in.options.target_blend > 0 ? 2 : 1;
  double staged = 0, factors = 0;  // channels that a token has as the stage's inputs; elements of U and V of a block
  for (const GroupLayout& group : block_layout(in.model, 0).groups) {
    if (group.role == stage) staged += share_of_tokens(in.model, group) * real(group.inputs());
    for (const LinearStack& stack : stacks_of(group, in.options.stack_groups))
      factors += real(in.options.largest_rank(stack.rows, group.inputs()) * (stack.rows + group.inputs()));
  }
  return {hidden_states(in, streams),
          {"both blocks", 2 * block_weights(in) + kFloat * factors},
          {"inputs of a stage", streams * kFloat * tokens_of(in).shard * staged}};
}

std::vector<PhaseMemory> stage_by_stage(const MemoryInputs& in, GroupRole stage, const std::string& name) {
  const Measurement measured{.name = name,
                             .kind = in.options.statistics().kind,
                             .prepared = true,
                             .drifts = in.options.target_blend > 0,
                             .roles = {stage}};
  const std::vector<MemoryTerm> there = propagated(in, stage), sums = sums_of(in, measured).terms();
  return {phase(in, name + ": forward", joined(joined(there, {activations(in)}), sums)),
          phase(in, name + ": use sums", joined(joined(there, {using_sums(in, measured)}), sums))};
}

Measurement plain_measurement(const MemoryInputs& in) {
  return {.name = "calibrate",
          .kind = in.options.statistics().kind,
          .prepared = in.options.prepares_inputs(),
          .by_panels = in.by_panels};
}

// A linear's solve by a group of ranks: while the matrices are made, panel by panel; while they are solved; what the
// first rank gathers at the end.
double group_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack, int ranks) {
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.largest_rank(stack.rows, group.inputs());
  const double matrices = kDouble * (w + 4 * d * d) / ranks;
  const double making = std::max(reading(group), kFloat * weights(group) + matrices + 2 * kStoredPanel);
  const double gathered = 2 * kByte * w + 4 * kDouble * real(rank) * (rows + d);
  const double work = group_workspace_bytes(in.options.solve_method(), stack.rows, group.inputs(), rank) / ranks;
  return std::max(making, work + gathered);
}

// By one rank. The stored moments are gone when they are expanded.
double own_solve_bytes(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const double rows = real(stack.rows), d = real(group.inputs()), w = rows * d;
  const Index rank = in.options.largest_rank(stack.rows, group.inputs());
  const bool exact = in.options.moments == "exact", drifts = in.options.propagates() && in.options.target_blend > 0;
  const double stored = kFloat * d * d * ((exact ? 3 : 1) + (drifts ? 1 : 0)), expanded = 3 * kDouble * d * d;
  const double expanding = in.options.residual_activations && !exact ? 2 * kDouble * d * d : 0;
  const double loading = stored + std::min(stored, kStoredPanel);
  // With residual activations, other steps hold more than the descent.
  const bool descends = in.options.descent_sweeps > 0 && !in.options.residual_activations;
  const double descent = descends ? descent_workspace_bytes(stack.rows, group.inputs()) : 0;
  const double work = solve_workspace_bytes(in.options.solve_method(), stack.rows, group.inputs(), rank) + descent;
  const double blending = drifts ? kFloat * d * d + 2 * kDouble * d * d + 2 * kDouble * w : 0;
  return std::max({loading, stored + expanded + expanding, expanded + reading(group),
                   expanded + (kFloat + kDouble) * weights(group), expanded + kDouble * w + std::max(work, blending)});
}

MemoryTerm solve_of(const MemoryInputs& in, const GroupLayout& group, const LinearStack& stack) {
  const int ranks = in.options.solve_grid(stack.rows, group.inputs()).ranks();
  return {"solve of " + stack.name,
          ranks > 1 ? group_solve_bytes(in, group, stack, ranks) : own_solve_bytes(in, group, stack)};
}

// Hidden states stay for the blocks behind.
PhaseMemory solving(const MemoryInputs& in, const std::vector<MemoryTerm>& there, const std::set<GroupRole>& roles,
                    const std::string& name) {
  MemoryTerm largest{"solve", 0};
  for (const GroupLayout& group : block_layout(in.model, 0).groups) {
    if (!roles.contains(group.role)) continue;
    for (const LinearStack& stack : stacks_of(group, in.options.stack_groups)) {
      const MemoryTerm one = solve_of(in, group, stack);
      if (one.bytes > largest.bytes) largest = one;
    }
  }
  return phase(in, name, joined(there, {largest}));
}

// Weights are read a piece at a time, as stored and as floats; the tokens come through MPI as two copies more.
PhaseMemory checking(const MemoryInputs& in) {
  return phase(in, "check inputs",
               {{"copies of the tokens", 2 * sizeof(std::int32_t) * tokens_of(in).all},
                {"a piece of the weights", 2 * kFloat * real(kCheckedAtOnce)}});
}

void append(std::vector<PhaseMemory>& all, const std::vector<PhaseMemory>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

std::vector<PhaseMemory> propagating_phases(const MemoryInputs& in) {
  const std::vector<MemoryTerm> there = propagated(in, GroupRole::qkv);
  std::vector<PhaseMemory> all{
      phase(in, "propagate: read a block", joined(there, {{"rotation of a linear", rotating(in)}}))};
  const std::vector<std::pair<GroupRole, std::string>> stages{{GroupRole::qkv, "propagate qkv"},
                                                              {GroupRole::attention_out, "propagate attention_out"},
                                                              {GroupRole::gate_up, "propagate gate_up"},
                                                              {GroupRole::down, "propagate down"}};
  for (const auto& [stage, name] : stages) {
    append(all, stage_by_stage(in, stage, name));
    all.push_back(solving(in, propagated(in, stage), {stage}, name + ": solve"));
  }
  return all;
}

}  // namespace

double PhaseMemory::bytes() const {
  return std::accumulate(terms.begin(), terms.end(), 0.0,
                         [](double sum, const MemoryTerm& term) { return sum + term.bytes; });
}

StarvedExperts evenly_starved(const MemoryInputs& in) {
  StarvedExperts starved;
  if (in.model.experts == 0) return starved;
  const double tokens = tokens_of(in).all * real(in.model.experts_per_token) / real(in.model.experts);
  for (const GroupLayout& group : block_layout(in.model, 0).groups) {
    if (group.expert == kNoExpert) continue;
    const Index least = in.options.min_expert_tokens;
    const Index enough = least > 0 ? least : 2 * group.inputs();
    starved[group.role] = tokens < real(enough) ? in.model.experts : 0;
  }
  return starved;
}

std::vector<PhaseMemory> measuring_phases(const MemoryInputs& in) { return block_by_block(in, plain_measurement(in)); }

std::vector<PhaseMemory> memory_phases(const MemoryInputs& in) {
  std::vector<PhaseMemory> all{checking(in)};
  if (in.options.allocates_ranks())
    append(all, block_by_block(in, {.name = "spectra", .kind = MomentKind::inputs, .prepared = false}));
  if (in.options.propagates()) {
    append(all, propagating_phases(in));
    return all;
  }
  append(all, measuring_phases(in));
  all.push_back(solving(in, {hidden_states(in, 1)}, plain_measurement(in).roles, "solve"));
  return all;
}

std::string bytes_text(double bytes) {
  return bytes >= 1024 * kMiB ? fmt::format("{:.2f} GiB", bytes / kMiB / 1024)
                              : fmt::format("{:.0f} MiB", bytes / kMiB);
}

}  // namespace lrc
