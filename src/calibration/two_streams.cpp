#include "lrc/calibration/two_streams.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

std::vector<MatrixF> hidden_of(std::vector<Unit> units) {
  std::vector<MatrixF> hidden;
  for (Unit& unit : units) hidden.push_back(std::move(unit.hidden));
  return hidden;
}

}  // namespace

TwoStreams::TwoStreams(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences,
                       bool original)
    : exec_(exec),
      config_(model.config()),
      rotary_(config_, sequences.length),
      length_(sequences.length),
      all_units_(unit_count(sequences)),
      quantized_{hidden_of(embedded_units(model, sequences, world.rank(), world.size()))},
      probe_(embedded_probe(model, sequences)) {
  if (original) original_.hidden = quantized_.hidden;
}

void TwoStreams::begin(const Block& block, Way& way) const {
  way.batches.clear();
  for (MatrixF& hidden : way.hidden) {
    way.batches.push_back({hidden});
    begin_block(context(length_), block, way.batches.back());
  }
}

void TwoStreams::begin(const Block& block) {
  stage_ = 0;
  begin(block, quantized_);
  begin(block, original_);
  begin_block(context(probe_.rows()), block, probe_batch_);
}

std::vector<GroupSums> TwoStreams::begin_sums(const Block& block, const Statistics& statistics) const {
  std::vector<GroupSums> sums;
  const std::vector<const LinearGroup*> groups = stage_groups(block, stage());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    // The router may send none of the probe's tokens to an expert: each sees some of them, whoever they are for.
    const bool expert = groups[i]->expert != kNoExpert;
    const Index tokens = std::min(kExpertProbeTokens, probe_.rows());
    const MatrixF inputs = expert ? expert_inputs(exec_, block.mlps[i], stage(),
                                                  mlp_inputs(context(probe_.rows()), block, probe_).topRows(tokens))
                                  : probe_batch_.inputs[i];
    sums.push_back(empty_sums(*groups[i], rotated_inputs(exec_, *groups[i], inputs), statistics, length_, all_units_));
  }
  return sums;
}

std::vector<Index> TwoStreams::routed_tokens() const {
  std::vector<Index> tokens(probe_batch_.routed.size(), 0);
  for (const StagedBatch& batch : quantized_.batches) {
    for (std::size_t expert = 0; expert < tokens.size(); ++expert)
      tokens[expert] += static_cast<Index>(batch.routed[expert].rows.size());
  }
  return tokens;
}

// X̄ of the tokens that the quantized stream has in a group: tokens×d_in, as they come.
MatrixF TwoStreams::original_inputs(const Block& original, std::size_t unit, std::size_t group) const {
  const std::vector<ExpertTokens>& routed = quantized_.batches[unit].routed;
  if (routed.empty()) return original_.batches[unit].inputs[group];
  const MatrixF x = mlp_inputs(context(length_), original, original_.hidden[unit]);
  return expert_inputs(exec_, original.mlps[group], stage(), gathered(exec_, routed[group], x));
}

void TwoStreams::sum(const Block& original, const Block& quantized, std::vector<GroupSums>& sums) {
  const std::vector<const LinearGroup*> groups = stage_groups(original, stage());
  assert(sums.size() == groups.size());
  for (std::size_t unit = 0; unit < quantized_.batches.size(); ++unit) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (sums[i].wants_all()) sum_all_tokens(original, quantized, unit, i, sums[i]);
      const MatrixF inputs = rotated_inputs(exec_, *groups[i], quantized_.batches[unit].inputs[i]);
      if (inputs.rows() == 0) continue;
      sums[i].routed().add(exec_, inputs);
      if (!sums[i].has_drift()) continue;
      MatrixF drift = rotated_inputs(exec_, *groups[i], original_inputs(original, unit, i));
      drift -= inputs;
      sums[i].add_drift(exec_, drift, inputs);
    }
  }
}

// For an expert that few tokens reach: what it would make of all.
void TwoStreams::sum_all_tokens(const Block& original, const Block& quantized, std::size_t unit, std::size_t group,
                                GroupSums& sums) {
  const auto inputs_of = [&](const Block& block, const MatrixF& hidden) {
    MatrixF x = expert_inputs(exec_, block.mlps[group], stage(), mlp_inputs(context(length_), block, hidden));
    return rotated_inputs(exec_, *stage_groups(block, stage())[group], std::move(x));
  };
  const MatrixF inputs = inputs_of(quantized, quantized_.hidden[unit]);
  sums.all().add(exec_, inputs);
  if (!sums.has_drift()) return;
  MatrixF drift = inputs_of(original, original_.hidden[unit]);
  drift -= inputs;
  sums.add_drift_of_all(exec_, drift, inputs);
}

void TwoStreams::pass(const Block& original, const Block& quantized) {
  for (StagedBatch& batch : quantized_.batches) pass_stage(context(length_), quantized, stage(), batch);
  for (StagedBatch& batch : original_.batches) pass_stage(context(length_), original, stage(), batch);
  pass_stage(context(probe_.rows()), quantized, stage(), probe_batch_);
  stage_ = (stage_ + 1) % kStages.size();
}

}  // namespace lrc
