#include "lrc/plan/memory_of_sums.hpp"

#include <algorithm>

#include "lrc/quantization/lrc/propagated_target.hpp"
#include "lrc/quantization/lrc/residual_directions.hpp"

namespace lrc::memory {
namespace {

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

bool may_starve(const MemoryInputs& in, const GroupLayout& group) {
  const auto starved = in.starved.find(group.role);
  return group.expert != kNoExpert && starved != in.starved.end() && starved->second > 0;
}

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
  const double d = real(group.inputs()), w = weights(group);
  const LinearStack all = stacks_of(group, true).front();
  const double centring = in.options.center_activations ? kDouble * d * d : 0;
  const double drift =
      measured.drifts ? (kFloat + kDouble) * d * d + propagated_weight_bytes(all.rows, group.inputs()) : 0;
  const double directions =
      in.options.residual_activations
          ? residual_directions_bytes(all.rows, group.inputs(), in.options.rank(all, group.inputs()))
          : 0;
  return std::max(reading(group), kFloat * w + kDouble * w) + kDouble * d * d + std::max({centring, drift, directions});
}

// The second pass over a group's inputs: its sums on all ranks, and what its owner has kept and makes of them.
double summing_anew(const MemoryInputs& in, const Measurement& measured, const GroupLayout& group) {
  const bool exact = in.options.moments == MomentKind::exact;
  const double d = real(group.inputs()), sets = may_starve(in, group) ? 2 : 1;
  const double sums = sets * all_channels(exact ? MomentKind::cross : MomentKind::diagonals, group);
  const double owned =
      kDouble * (weights(group) + d * d) + (exact ? 2 : 0) * kFloat * d * d + (measured.drifts ? kFloat * d * d : 0);
  const double scales = kFloat * tokens_of(in).unit * real(in.options.quantizer().extremes(group.inputs()));
  return sums + std::min(sums, kReduced) + owned + scales + (exact ? 3 : 2) * kFloat * tokens_of(in).unit * d;
}

double preparing(const MemoryInputs& in, const Measurement& measured, const GroupLayout& group) {
  const double d = real(group.inputs());
  const double stored =
      (in.options.moments == MomentKind::exact ? 3 : 1) * kFloat * d * d + (measured.drifts ? kFloat * d * d : 0);
  return std::max({finding(in, measured, group), summing_anew(in, measured, group), stored + kStoredPanel});
}

template <class Bytes>
MemoryTerm largest_of(const MemoryInputs& in, const std::set<GroupRole>& roles, const std::string& what,
                      const Bytes& bytes) {
  MemoryTerm largest{what, 0};
  for (const GroupLayout& group : block_layout(in.model, 0).groups()) {
    if (!roles.contains(group.role)) continue;
    if (const double need = bytes(group); need > largest.bytes) largest = {what + " of " + group.name, need};
  }
  return largest;
}

}  // namespace

std::vector<MemoryTerm> sums_terms(const MemoryInputs& in, const Measurement& measured) {
  const BlockLayout layout = block_layout(in.model, 0);
  const double shard = tokens_of(in).shard;
  double sums = 0, kept = 0, starved = 0;
  for (const GroupLayout& group : layout.groups()) {
    if (!measured.roles.contains(group.role)) continue;
    const bool keeps = measured.prepared || is_by_panels(measured, group);
    const double inputs = keeps ? kFloat * shard * real(group.inputs()) : 0, own = sums_of(measured, group);
    sums += own;
    kept += inputs * share_of_tokens(in.model, group);
    const auto few = in.starved.find(group.role);
    if (few != in.starved.end() && group.expert != kNoExpert && group.expert < few->second) starved += own + inputs;
  }
  return {{"sums of moments", sums}, {"kept inputs", kept}, {"experts that see few tokens", starved}};
}

MemoryTerm using_sums(const MemoryInputs& in, const Measurement& measured) {
  if (measured.prepared)
    return largest_of(in, measured.roles, "preparing inputs",
                      [&](const GroupLayout& group) { return preparing(in, measured, group); });
  return largest_of(in, measured.roles, "a panel of sums",
                    [&](const GroupLayout& group) { return storing(in, measured, group); });
}

}  // namespace lrc::memory
