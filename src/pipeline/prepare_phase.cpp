#include "lrc/pipeline/prepare_phase.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "lrc/core/log.hpp"
#include "lrc/pipeline/stack_weight.hpp"
#include "lrc/quantization/centred.hpp"
#include "lrc/quantization/damping.hpp"
#include "lrc/quantization/propagated_target.hpp"
#include "lrc/quantization/residual_directions.hpp"

namespace lrc {
namespace {

// One group on its way.
struct Group {
  GroupSums sums;
  GroupLayout layout;
  int owner;
  MatrixD weight{};               // on the owner: all linears, one above the other, Σ d_out×d_in
  MatrixD xx{};                   // on the owner: of the inputs, centred where that is asked for, d_in×d_in
  SummedMoments first{}, last{};  // on the owner: of the first pass, and of the second one
  bool centred = false;           // the mean of the inputs is taken out
  GroupPreparation preparation{};
  MatrixF drift{};  // on the owner: (X̄ − X̂) X̂ᵀ as xx, d_in×d_in; empty where the inputs are the original model's
};

// Directions that fewer tokens say are directions of these tokens alone: taking them out leaves nothing of the tokens,
// and of others what the solve knows nothing of.
constexpr Index kTokensADirection = 4;

// Where all inputs are one and the same, their mean says nothing of others': it is left at 0.
void find_mean(const RunContext& run, Group& group) {
  group.xx = group.first.xx.cast<double>();
  group.first.xx = {};
  if (!run.options.center_activations) return;
  const VectorD sums = group.sums.input_sums();
  const double tokens = group.sums.weighted_tokens();
  MatrixD varying = centred(group.xx, sums, static_cast<Index>(std::llround(tokens)));
  group.centred = !tells_nothing(varying.diagonal());
  if (!group.centred) {
    group.preparation.mean = VectorF::Zero(group.layout.inputs());
    return;
  }
  group.preparation.mean = stored_half(sums / tokens, "the mean input of " + group.layout.name);
  group.xx = std::move(varying);
}

// Where the inputs are the quantized model's: what the weights and the bias are to answer for (propagated_target.hpp).
void find_target(const RunContext& run, Group& group) {
  if (!group.sums.has_drift()) return;
  MatrixD drift = group.sums.drift().cast<double>();
  if (group.centred) {
    const VectorD sums = group.sums.drift_sums();
    const double tokens = group.sums.weighted_tokens();
    drift = centred_inputs(drift, sums, group.sums.input_sums(), static_cast<Index>(std::llround(tokens)));
    group.preparation.target_mean =
        group.preparation.mean + (run.options.target_blend / tokens * sums).cast<float>().eval();
  }
  group.drift = drift.cast<float>();
  group.weight =
      propagated_weight(run.exec, group.weight, group.xx, drift,
                        {.name = group.layout.name, .blend = run.options.target_blend, .damping = run.options.damping});
}

void find_directions(const RunContext& run, Group& group) {
  if (!run.options.residual_activations) return;
  const Index rank = run.options.rank(stacks_of(group.layout, true).front(), group.layout.inputs());
  MatrixD directions = MatrixD::Zero(group.xx.rows(), rank);  // d_in×rank
  const auto find = [&](double damping) {
    directions = residual_directions(run.exec, group.weight, group.xx, rank, damping);
  };
  if (group.sums.weighted_tokens() < static_cast<double>(kTokensADirection * rank)) {
    log_warning(fmt::format("{}: {:g} tokens say too little of {} directions; none is taken out of its inputs",
                            group.layout.name, group.sums.weighted_tokens(), rank));
  } else if (!tells_nothing(group.xx.diagonal())) {
    try {
      with_damping(group.layout.name, std::max(run.options.damping, 1e-8), find);
    } catch (const DampingFailure& failure) {  // inputs of too few kinds: there is nothing to take out
      if (!group.xx.allFinite()) throw;
      log_warning(fmt::format("{}; no direction is taken out of its inputs", failure.what()));
    }
  }
  group.preparation.directions = stored_factor(directions, run.options.factor_bits);
}

void send(const Communicator& world, int owner, MatrixF& matrix) {
  std::array<Index, 2> size{matrix.rows(), matrix.cols()};
  check_mpi(MPI_Bcast(size.data(), 2, MPI_INT64_T, owner, world.handle()), "MPI_Bcast");
  matrix.resize(size[0], size[1]);
  check_mpi(MPI_Bcast(matrix.data(), narrow<int>(matrix.size()), MPI_FLOAT, owner, world.handle()), "MPI_Bcast");
}

// What all ranks need for the second pass.
Preparation broadcast(const RunContext& run, Group& group) {
  run.world.barrier();
  MatrixF mean = group.preparation.mean, directions = group.preparation.directions.values;
  send(run.world, group.owner, mean);
  send(run.world, group.owner, directions);
  return {mean.reshaped(), directions};
}

// The second pass; on the owner its sums.
void measure(const RunContext& run, Group& group) {
  const Preparation preparation = broadcast(run, group);
  const MomentKind kind = run.options.moments == MomentKind::exact ? MomentKind::cross : MomentKind::diagonals;
  run.world.agree([&] { group.sums.sum_second(run.exec, kind, preparation); });
  group.sums.reduce_second(run.world, group.owner);
  if (run.world.rank() == group.owner) group.last = group.sums.second();
}

PreparedMoments finished(Group& group) {
  PreparedMoments result;
  result.moments = {.tokens = group.first.tokens,
                    .xx = group.xx.cast<float>(),
                    .xy = std::move(group.last.xy),
                    .yy = std::move(group.last.yy),
                    .borrowed = group.first.borrowed,
                    .drift = std::move(group.drift)};
  group.xx = {};
  result.preparation = std::move(group.preparation);
  return result;
}

// The groups of a round, each with another owner, with the sums of all ranks on it.
std::vector<Group> reduced(const RunContext& run, const BlockLayout& layout, std::vector<GroupSums>& sums,
                           std::size_t first, int first_owner) {
  const std::size_t end = std::min(sums.size(), first + static_cast<std::size_t>(run.world.size()));
  std::vector<Group> round;
  for (std::size_t i = first; i < end; ++i) {
    const int owner = (first_owner + static_cast<int>(i)) % run.world.size();
    GroupSums own = std::move(sums[i]);
    const GroupLayout& of = group_layout(layout, own.group());
    if (own.has_drift()) own.reduce_drift(run.world, owner);
    for (Index panel = 0; panel < own.panels().count(); ++panel) own.reduce(run.world, owner, panel);
    round.push_back({.sums = std::move(own), .layout = of, .owner = owner});
  }
  return round;
}

// On the owner: what prepares the group's inputs.
void find_preparation(const RunContext& run, Index index, Group& group) {
  const LinearGroup linears = run.model.group(index, group.layout);
  const LinearStack stack = stacks_of(group.layout, true).front();
  group.weight = stack_weight(linears, stack, stack_parts(linears, group.layout, stack));
  group.first = group.sums.result(RowRange{0, group.layout.inputs()});
  try {
    find_mean(run, group);
    find_target(run, group);
    find_directions(run, group);
  } catch (const CallError& error) {  // of LAPACK, which doesn't know what the matrix is of
    throw Error(fmt::format("{}: {}", group.layout.name, error.what()));
  }
}

}  // namespace

void prepare_groups(const RunContext& run, Index index, std::vector<GroupSums>& sums, int first_owner,
                    const TakePrepared& take) {
  const BlockLayout layout = block_layout(run.model.config(), index);
  for (std::size_t first = 0; first < sums.size(); first += static_cast<std::size_t>(run.world.size())) {
    std::vector<Group> round = reduced(run, layout, sums, first, first_owner);
    run.world.agree([&] {
      for (Group& group : round) {
        if (run.world.rank() == group.owner) find_preparation(run, index, group);
      }
    });
    return_free_memory();
    std::string mine;  // a rank has one group of a round at most
    PreparedMoments prepared;
    for (Group& each : round) {
      Group group = std::move(each);  // its sums are gone when it is measured
      measure(run, group);
      if (run.world.rank() != group.owner) continue;
      prepared = finished(group);
      mine = group.layout.name;
    }
    run.world.agree([&] {
      if (!mine.empty()) take(mine, prepared);
    });
  }
}

void store_moments(const RunContext& run, const MomentsKey& key, const SummedMoments& moments,
                   StoredPreparation preparation) {
  PhaseTimer timer(run.report, "calibrate: commit");
  MomentsToStore record = to_store(moments);
  record.preparation = std::move(preparation);
  run.checkpoint.commit(key, record);
  const Index floats = moments.xx.size() + moments.xy.size() + moments.yy.size() + moments.drift.size();
  timer.add_bytes(static_cast<double>(sizeof(float)) * static_cast<double>(floats));
}

void store_prepared(const RunContext& run, const WorkPlan& plan, const std::string& group,
                    const PreparedMoments& prepared) {
  const MomentPanels panels{prepared.moments.xx.rows()};
  for (Index panel = 0; panel < panels.count(); ++panel) {
    if (!plan.unmeasured.contains({group, panel})) continue;
    store_moments(run, {group, panel}, panel_of(prepared.moments, panels.rows(panel)),
                  panel == 0 ? to_stored(prepared.preparation) : StoredPreparation{});
  }
}

}  // namespace lrc
