#include "lrc/pipeline/spectra_phase.hpp"

#include <algorithm>
#include <cmath>

#include "lrc/pipeline/stack_weight.hpp"
#include "lrc/quantization/centred.hpp"
#include "lrc/quantization/damping.hpp"
#include "lrc/quantization/objective.hpp"
#include "lrc/quantization/rank_gains.hpp"

namespace lrc {
namespace {

VectorD gains_of(const RunContext& run, const std::string& name, const MatrixD& weight, const MatrixD& xx, Index most) {
  const Index inputs = xx.rows();
  const double noise =
      rounding_noise(static_cast<int>(run.options.activation_bits), run.options.clips().front(), inputs) +
      rounding_noise(static_cast<int>(run.options.weight_bits), 1, inputs);
  if (run.options.residual_activations) return residual_gains(run.exec, weight, xx, noise, most);
  Moments noisy{.xx = xx, .xy = xx, .yy = xx};
  noisy.yy.diagonal().array() += noise * xx.trace() / static_cast<double>(inputs);
  VectorD gains;
  with_damping(name, run.options.damping,
               [&](double damping) { gains = relaxed_gains(run.exec, weight, noisy, damping, most); });
  return gains;
}

// The inputs' second moments, centred where the run centres them: d_in×d_in.
MatrixD inputs_of(const RunContext& run, const GroupLayout& group, const GroupSums& sums) {
  MatrixD xx = sums.result(RowRange{0, group.inputs()}).xx.cast<double>();
  if (!run.options.center_activations) return xx;
  return centred(xx, sums.input_sums(), static_cast<Index>(std::llround(sums.weighted_tokens())));
}

}  // namespace

SpectraPhase::SpectraPhase(const RunContext& run) : run_(run) {
  for (Index block = 0; block < run.model.config().blocks; ++block) {
    for (const GroupLayout& group : block_layout(run.model.config(), block).groups) {
      if (!run.checkpoint.has_spectra(group.name)) missing_.insert(group.name);
    }
  }
}

void SpectraPhase::run() {
  Statistics statistics = run_.options.statistics();
  statistics.kind = MomentKind::inputs;
  statistics.prepared = false;
  CalibrationPass pass(run_, {.name = "spectra",
                              .statistics = statistics,
                              .wants = [this](const BlockLayout& block) { return wants(block); },
                              .take = [this](Index block, std::vector<GroupSums>& sums) { take(block, sums); }});
  pass.run(run_.model.config().blocks);
  run_.world.agree([&] { run_.checkpoint.make_durable(); });
}

bool SpectraPhase::wants(const BlockLayout& block) const {
  return std::any_of(block.groups.begin(), block.groups.end(),
                     [&](const GroupLayout& group) { return missing_.contains(group.name); });
}

// Each group to another rank.
void SpectraPhase::take(Index block, std::vector<GroupSums>& sums) {
  const BlockLayout layout = block_layout(run_.model.config(), block);
  std::vector<std::size_t> mine;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!missing_.contains(sums[i].group())) continue;
    for (Index panel = 0; panel < sums[i].panels().count(); ++panel) sums[i].reduce(run_.world, next_owner_, panel);
    if (run_.world.rank() == next_owner_) mine.push_back(i);
    next_owner_ = (next_owner_ + 1) % run_.world.size();
  }
  run_.world.agree([&] {
    for (const std::size_t i : mine) store(block, layout.groups[i], sums[i]);
  });
}

void SpectraPhase::store(Index block, const GroupLayout& group, const GroupSums& sums) const {
  const MatrixD xx = inputs_of(run_, group, sums);
  const LinearGroup linears = run_.model.group(block, group);
  const std::vector<LinearStack> stacks = stacks_of(group, run_.options.stack_groups);
  SpectraRecord record{.group = group.name, .gains = {}, .powers = {}};
  record.gains.rows = record.powers.rows = std::ssize(stacks);
  record.powers.cols = 1;
  for (const LinearStack& stack : stacks)
    record.gains.cols = std::max(record.gains.cols, run_.options.largest_rank(stack, group.inputs()));
  for (const LinearStack& stack : stacks) {
    const MatrixD weight = stack_weight(linears, stack, stack_parts(linears, group, stack));  // d_out×d_in
    VectorD gains;
    try {
      gains = gains_of(run_, stack.name, weight, xx, run_.options.largest_rank(stack, group.inputs()));
    } catch (const CallError& error) {  // of LAPACK, which doesn't know what the matrix is of
      throw Error(fmt::format("{}: {}", stack.name, error.what()));
    }
    for (Index k = 0; k < record.gains.cols; ++k)
      record.gains.values.push_back(k < gains.size() ? static_cast<float>(gains[k]) : 0.0F);
    record.powers.values.push_back(static_cast<float>(quadratic_forms(run_.exec, weight, xx).sum()));
  }
  run_.checkpoint.commit(record);
}

}  // namespace lrc
