#include "lrc/pipeline/prepare_groups.hpp"

#include <algorithm>
#include <cmath>

#include "lrc/core/log.hpp"
#include "lrc/pipeline/stack_weight.hpp"
#include "lrc/plan/memory_plan.hpp"
#include "lrc/quantization/lrc/propagated_target.hpp"
#include "lrc/quantization/lrc/residual_directions.hpp"
#include "lrc/quantization/moments/centred.hpp"
#include "lrc/quantization/moments/damping.hpp"

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
  InputTransform transform{};
  MatrixF drift{};  // on the owner: (X̄ − X̂) X̂ᵀ as xx, d_in×d_in; empty where the inputs are the original model's
};

// Directions that fewer tokens say are directions of these tokens alone: taking them out leaves nothing of the tokens,
// and of others what the solve knows nothing of.
constexpr Index kTokensADirection = 4;

// Where all inputs are one and the same, their mean says nothing of others': it is left at 0.
void find_mean(const CalibrateOptions& options, Group& group) {
  group.xx = group.first.xx.cast<double>();
  group.first.xx = {};
  if (!options.center_activations) return;
  const VectorD sums = group.sums.input_sums();
  const double tokens = group.sums.weighted_tokens();
  MatrixD varying = centred(group.xx, sums, static_cast<Index>(std::llround(tokens)));
  group.centred = !tells_nothing(varying.diagonal());
  if (!group.centred) {
    group.transform.mean = VectorF::Zero(group.layout.inputs());
    return;
  }
  group.transform.mean = stored_half(sums / tokens, "the mean input of " + group.layout.name);
  group.xx = std::move(varying);
}

// Where the inputs are the quantized model's: what the weights and the bias are to answer for (propagated_target.hpp).
void find_target(Execution& exec, const CalibrateOptions& options, Group& group) {
  if (!group.sums.has_drift()) return;
  MatrixD drift = group.sums.drift().cast<double>();
  if (group.centred) {
    const VectorD sums = group.sums.drift_sums();
    const double tokens = group.sums.weighted_tokens();
    drift = centred_inputs(drift, sums, group.sums.input_sums(), static_cast<Index>(std::llround(tokens)));
    group.transform.target_mean = group.transform.mean + (options.target_blend / tokens * sums).cast<float>().eval();
  }
  group.drift = drift.cast<float>();
  group.weight =
      propagated_weight(exec, group.weight, group.xx, drift,
                        {.name = group.layout.name, .blend = options.target_blend, .damping = options.damping});
}

void find_directions(Execution& exec, const CalibrateOptions& options, Group& group) {
  if (!options.residual_activations) return;
  const Index rank = options.rank(stacks_of(group.layout, true).front(), group.layout.inputs());
  MatrixD directions = MatrixD::Zero(group.xx.rows(), rank);  // d_in×rank
  const auto find = [&](double damping) {
    directions = residual_directions(exec, group.weight, group.xx, rank, damping);
  };
  if (group.sums.weighted_tokens() < static_cast<double>(kTokensADirection * rank)) {
    log_warning(fmt::format("{}: {:g} tokens say too little of {} directions; none is taken out of its inputs",
                            group.layout.name, group.sums.weighted_tokens(), rank));
  } else if (!tells_nothing(group.xx.diagonal())) {
    try {
      with_damping(group.layout.name, std::max(options.damping, 1e-8), find);
    } catch (const DampingFailure& failure) {  // inputs of too few kinds: there is nothing to take out
      if (!group.xx.allFinite()) throw;
      log_warning(fmt::format("{}; no direction is taken out of its inputs", failure.what()));
    }
  }
  group.transform.directions = stored_factor(directions, options.factor_bits);
}

MatrixF broadcast(const Communicator& world, int owner, const MatrixF& own) {
  MatrixF matrix(world.broadcast(own.rows(), owner), world.broadcast(own.cols(), owner));
  if (world.rank() == owner) matrix = own;
  world.broadcast_in_place(std::span(matrix.data(), static_cast<std::size_t>(matrix.size())), owner);
  return matrix;
}

// What all ranks need for the second pass.
Preparation broadcast(const Communicator& world, const Group& group) {
  const MatrixF mean = broadcast(world, group.owner, group.transform.mean);
  return {mean.reshaped(), broadcast(world, group.owner, group.transform.directions.values)};
}

// Where activations are static, what they are quantized by: exact, on all ranks.
void find_range(const Ranks& ranks, int bits, const Preparation& preparation, Group& group) {
  InputRange range;
  ranks.world.agree([&] { range = group.sums.prepared_range(ranks.exec, preparation); });
  range = range_of_all(ranks.world, range);
  group.transform.range = (VectorF(2) << range.lowest, range.highest).finished();
  group.sums.fix_grid(asymmetric_grid(range.lowest, range.highest, bits));
}

// The second pass; on the owner its sums.
void measure(const Ranks& ranks, const CalibrateOptions& options, Group& group) {
  const MomentKind moments = options.moments;
  const Preparation preparation = broadcast(ranks.world, group);
  if (options.has_measured_range()) find_range(ranks, options.quantizer().bits, preparation, group);
  const MomentKind kind = moments == MomentKind::exact ? MomentKind::cross : MomentKind::diagonals;
  ranks.world.agree([&] { group.sums.sum_second(ranks.exec, kind, preparation); });
  group.sums.reduce_second(ranks.world, group.owner);
  if (ranks.world.rank() == group.owner) group.last = group.sums.second();
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
  result.transform = std::move(group.transform);
  return result;
}

// The groups of a round, each with another owner, with the sums of all ranks on it.
std::vector<Group> reduced(const Communicator& world, const BlockLayout& layout, std::vector<GroupSums>& sums,
                           std::size_t first, int first_owner) {
  const std::size_t end = std::min(sums.size(), first + static_cast<std::size_t>(world.size()));
  std::vector<Group> round;
  for (std::size_t i = first; i < end; ++i) {
    const int owner = (first_owner + static_cast<int>(i)) % world.size();
    GroupSums own = std::move(sums[i]);
    const GroupLayout& of = group_layout(layout, own.group());
    if (own.has_drift()) own.reduce_drift(world, owner);
    for (Index panel = 0; panel < own.panels().count(); ++panel) own.reduce(world, owner, panel);
    round.push_back({.sums = std::move(own), .layout = of, .owner = owner});
  }
  return round;
}

// On the owner: what prepares the group's inputs.
void find_preparation(Execution& exec, const Problem& problem, Index index, Group& group) {
  const LinearGroup linears = problem.model.group(index, group.layout);
  const LinearStack stack = stacks_of(group.layout, true).front();
  group.weight = stack_weight(linears, stack, stack_parts(linears, group.layout, stack));
  group.first = group.sums.result(RowRange{0, group.layout.inputs()});
  try {
    find_mean(problem.options, group);
    find_target(exec, problem.options, group);
    find_directions(exec, problem.options, group);
  } catch (const CallError& error) {  // of LAPACK, which doesn't know what the matrix is of
    throw Error(fmt::format("{}: {}", group.layout.name, error.what()));
  }
}

}  // namespace

void prepare_groups(const Ranks& ranks, const Problem& problem, Index index, std::vector<GroupSums>& sums,
                    int first_owner, const TakePrepared& take) {
  const Communicator& world = ranks.world;
  const BlockLayout layout = block_layout(problem.model.config(), index);
  for (std::size_t first = 0; first < sums.size(); first += static_cast<std::size_t>(world.size())) {
    std::vector<Group> round = reduced(world, layout, sums, first, first_owner);
    world.agree([&] {
      for (Group& group : round) {
        if (world.rank() == group.owner) find_preparation(ranks.exec, problem, index, group);
      }
    });
    return_free_memory();
    std::string mine;  // a rank has one group of a round at most
    PreparedMoments prepared;
    for (Group& each : round) {
      Group group = std::move(each);  // its sums are gone when it is measured
      measure(ranks, problem.options, group);
      if (world.rank() != group.owner) continue;
      prepared = finished(group);
      mine = group.layout.name;
    }
    world.agree([&] {
      if (!mine.empty()) take(mine, prepared);
    });
  }
}

}  // namespace lrc
