#include "lrc/calibration/shard.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

constexpr Index kProbeTokens = 256;
constexpr Index kExpertProbeTokens = 64;  // of them each expert sees, whoever they are for: the router may send it none

// Σ x_j² of the inputs (tokens×d), times `factor`.
VectorD energy(const ConstViewF& inputs, double factor) {
  VectorD sum = VectorD::Zero(inputs.cols());
  for (Index token = 0; token < inputs.rows(); ++token) {
    for (Index j = 0; j < inputs.cols(); ++j)
      sum[j] += factor * static_cast<double>(inputs(token, j)) * static_cast<double>(inputs(token, j));
  }
  return sum;
}

// Of a group's inputs in `units` units of sequences of `length`; the probe's (tokens×d_in) tell their scales.
GroupSums no_sums(const LinearGroup& group, const ConstViewF& probe, const Statistics& statistics, Index length,
                  Index units) {
  const Index enough = statistics.min_expert_tokens > 0 ? statistics.min_expert_tokens : 2 * probe.cols();
  const auto unit_tokens = static_cast<double>(sequences_per_unit(length) * length);
  const FixedPointScales scales(energy(probe, unit_tokens / static_cast<double>(probe.rows())), units);
  const bool panels = statistics.by_panels.contains(group.role);
  const Summing summing = statistics.prepared ? Summing::twice : panels ? Summing::by_panels : Summing::at_once;
  const MomentKind kind = statistics.prepared ? MomentKind::inputs : statistics.kind;
  return {TokenSums(group.name, kind, statistics.quantizer, scales, summing), group.expert == kNoExpert ? 0 : enough,
          group.role, group.expert};
}

MatrixF embedded_probe(const Model& model, const Sequences& sequences) {
  MatrixF probe(std::min(kProbeTokens, sequences.length), model.config().hidden_size);
  model.embed(std::span(sequences.tokens).first(static_cast<std::size_t>(probe.rows())), probe);
  return probe;
}

void replace(MatrixF& old, MatrixF stored) {
  if (stored.rows() != old.rows() || stored.cols() != old.cols()) {
    throw Error(fmt::format("stored hidden states are {}×{}, not {}×{}; restart", stored.rows(), stored.cols(),
                            old.rows(), old.cols()));
  }
  old = std::move(stored);
}

}  // namespace

Shard::Shard(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences, bool original)
    : exec_(exec),
      config_(model.config()),
      rotary_(config_, sequences.length),
      length_(sequences.length),
      all_units_(unit_count(sequences)),
      two_streams_(original),
      stream_{embedded_units(model, sequences, world.rank(), world.size())},
      probe_(embedded_probe(model, sequences)) {
  if (two_streams_) original_.units = stream_.units;
  for (Stream* stream : {&stream_, &original_}) {
    for (Unit& unit : stream->units) stream->batches.push_back({unit.hidden});
  }
}

void Shard::restore(const std::function<MatrixF(Index)>& unit, MatrixF probe) {
  assert(!two_streams_);
  for (Unit& mine : stream_.units) replace(mine.hidden, unit(mine.number));
  replace(probe_, std::move(probe));
}

std::vector<GroupSums> Shard::empty_sums(const StreamBlocks& blocks, GroupRole stage,
                                         const Statistics& statistics) const {
  const Block& block = blocks.quantized;
  std::vector<GroupSums> sums;
  const std::vector<const LinearGroup*> groups = stage_groups(block, stage);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const bool expert = groups[i]->expert != kNoExpert;
    const Index tokens = std::min(kExpertProbeTokens, probe_.rows());
    const MatrixF inputs =
        expert ? expert_inputs(exec_, block.mlps[i], stage, mlp_inputs(probe_context(), block, probe_).topRows(tokens))
               : stage_inputs(probe_context(), block, stage, i, probe_batch_);
    sums.push_back(no_sums(*groups[i], inputs, statistics, length_, all_units_));
  }
  return sums;
}

void Shard::pass_probe(const StreamBlocks& blocks, GroupRole stage) {
  pass_stage(probe_context(), blocks.quantized, stage, probe_batch_);
}

Observer Shard::adding_to(std::vector<GroupSums>& sums) {
  if (sums.empty()) return {};
  return {.inputs = [this, &sums](const LinearGroup& group, const ConstViewF& inputs) {
    sums_of(sums, group.name).routed().add(exec_, inputs);
  }};
}

void Shard::attend(const StreamBlocks& blocks, std::vector<GroupSums>& sums) {
  for (StagedBatch& batch : stream_.batches) forward_attention(context(), blocks.quantized, batch, adding_to(sums));
}

void Shard::feed_forward(const StreamBlocks& blocks, std::vector<GroupSums>& sums,
                         const std::function<void()>& progress) {
  for (std::size_t unit = 0; unit < stream_.batches.size(); ++unit) {
    for (GroupSums& group : sums) sum_all_tokens(blocks, unit, group);
    forward_mlps(context(), blocks.quantized, stream_.batches[unit], adding_to(sums));
    if (progress) progress();
  }
}

void Shard::sum(const StreamBlocks& blocks, GroupRole stage, std::vector<GroupSums>& sums) {
  for (GroupSums& group : sums) {
    if (two_streams_) group.begin_drift();
  }
  for (std::size_t unit = 0; unit < stream_.batches.size(); ++unit) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sum_all_tokens(blocks, unit, sums[i]);
      const MatrixF inputs = stage_inputs(context(), blocks.quantized, stage, i, stream_.batches[unit]);
      if (inputs.rows() == 0) continue;
      sums[i].routed().add(exec_, inputs);
      if (!two_streams_) continue;
      MatrixF drift = original_inputs(blocks.original, stage, unit, i);
      drift -= inputs;
      sums[i].add_drift(exec_, drift, inputs);
    }
  }
}

// X̄ of the tokens that the quantized stream has in a group: tokens×d_in.
MatrixF Shard::original_inputs(const Block& original, GroupRole stage, std::size_t unit, std::size_t i) const {
  const std::vector<ExpertTokens>& routed = stream_.batches[unit].routed;
  const StagedBatch& batch = original_.batches[unit];
  if (routed.empty()) return stage_inputs(context(), original, stage, i, batch);
  const MatrixF x = mlp_inputs(context(), original, batch.hidden);
  return expert_inputs(exec_, original.mlps[i], stage, gathered(exec_, routed[i], x));
}

// For an expert that few tokens reach: what it would make of all.
void Shard::sum_all_tokens(const StreamBlocks& blocks, std::size_t unit, GroupSums& sums) {
  if (!sums.wants_all()) return;
  const auto inputs_of = [&](const Block& of, const StagedBatch& batch) {
    const Mlp& mlp = of.mlps[static_cast<std::size_t>(sums.expert())];
    return expert_inputs(exec_, mlp, sums.role(), mlp_inputs(context(), of, batch.hidden));
  };
  const MatrixF inputs = inputs_of(blocks.quantized, stream_.batches[unit]);
  sums.all().add(exec_, inputs);
  if (!two_streams_) return;
  MatrixF drift = inputs_of(blocks.original, original_.batches[unit]);
  drift -= inputs;
  sums.add_drift_of_all(exec_, drift, inputs);
}

void Shard::pass(const StreamBlocks& blocks, GroupRole stage) {
  for (StagedBatch& batch : stream_.batches) pass_stage(context(), blocks.quantized, stage, batch);
  for (StagedBatch& batch : original_.batches) pass_stage(context(), blocks.original, stage, batch);
  pass_probe(blocks, stage);
}

std::vector<Index> Shard::routed_tokens() const {
  std::vector<Index> tokens(static_cast<std::size_t>(config_.experts), 0);
  for (const StagedBatch& batch : stream_.batches) {
    for (std::size_t expert = 0; expert < batch.routed.size(); ++expert)
      tokens[expert] += static_cast<Index>(batch.routed[expert].rows.size());
  }
  return tokens;
}

}  // namespace lrc
