#include "lrc/plan/memory_sizes.hpp"

#include <algorithm>

#include "lrc/model/forward/forward.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/rotation/rotated_model.hpp"

namespace lrc::memory {
namespace {

double rotating(const GroupLayout& group) {
  double largest = 0;
  for (const LinearLayout& linear : group.linears) largest = std::max(largest, rotating_bytes(linear));
  return largest;
}

}  // namespace

Tokens tokens_of(const MemoryInputs& in) {
  const Index length = in.options.sequence_length, in_unit = sequences_per_unit(length);
  const Index units = ceil_div(ceil_div(in.sequences, in_unit), in.ranks);
  const Index unit = std::min(in_unit, in.sequences);
  return {real(in.sequences * length), real(unit * length), real(std::min(in.sequences, units * in_unit) * length)};
}

double share_of_tokens(const ModelConfig& model, const GroupLayout& group) {
  return group.expert == kNoExpert ? 1 : real(model.experts_per_token) / real(model.experts);
}

double reading(const GroupLayout& group) { return kFloat * weights(group) + rotating(group); }

double rotating(const MemoryInputs& in) {
  double largest = 0;
  for (const GroupLayout& group : block_layout(in.model, 0).groups()) largest = std::max(largest, rotating(group));
  return largest;
}

double block_weights(const MemoryInputs& in) {
  double all = in.model.experts > 0 ? real(in.model.experts) * real(in.model.hidden_size) : 0;
  for (const GroupLayout& group : block_layout(in.model, 0).groups()) all += weights(group);
  return kFloat * all;
}

MemoryTerm hidden_states(const MemoryInputs& in, int streams) {
  const double probe = 256;  // tokens that tell the scales
  return {"hidden states", streams * kFloat * (tokens_of(in).shard + probe) * real(in.model.hidden_size)};
}

MemoryTerm activations(const MemoryInputs& in) {
  return {"activations of a unit", forward_bytes(in.model, static_cast<Index>(tokens_of(in).unit))};
}

std::vector<MemoryTerm> joined(std::vector<MemoryTerm> terms, const std::vector<MemoryTerm>& more) {
  terms.insert(terms.end(), more.begin(), more.end());
  return terms;
}

}  // namespace lrc::memory
