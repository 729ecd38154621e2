#include "lrc/calibration/shard.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/model/router.hpp"

namespace lrc {
namespace {

constexpr Index kProbeTokens = 256;

// Where a group stands in its block's layout.
std::size_t position(const LinearGroup& group) {
  if (group.role == GroupRole::qkv) return 0;
  if (group.role == GroupRole::attention_out) return 1;
  return static_cast<std::size_t>(2 + 2 * std::max<Index>(0, group.expert) + (group.role == GroupRole::down ? 1 : 0));
}

// Σ x_j² of the inputs (tokens×d), times `factor`.
VectorD energy(const ConstViewF& inputs, double factor) {
  VectorD sum = VectorD::Zero(inputs.cols());
  for (Index token = 0; token < inputs.rows(); ++token) {
    for (Index j = 0; j < inputs.cols(); ++j)
      sum[j] += factor * static_cast<double>(inputs(token, j)) * static_cast<double>(inputs(token, j));
  }
  return sum;
}

}  // namespace

GroupSums empty_sums(const LinearGroup& group, const ConstViewF& probe, const Statistics& statistics, Index length,
                     Index units) {
  const Index enough = statistics.min_expert_tokens > 0 ? statistics.min_expert_tokens : 2 * probe.cols();
  const auto unit_tokens = static_cast<double>(sequences_per_unit(length) * length);
  const FixedPointScales scales(energy(probe, unit_tokens / static_cast<double>(probe.rows())), units);
  const bool panels = statistics.by_panels.contains(group.role);
  const Summing summing = statistics.prepared ? Summing::twice : panels ? Summing::by_panels : Summing::at_once;
  const MomentKind kind = statistics.prepared ? MomentKind::inputs : statistics.kind;
  return {TokenSums(group.name, kind, statistics.quantizer, scales, summing), group.expert == kNoExpert ? 0 : enough};
}

MatrixF embedded_probe(const Model& model, const Sequences& sequences) {
  MatrixF probe(std::min(kProbeTokens, sequences.length), model.config().hidden_size);
  model.embed(std::span(sequences.tokens).first(static_cast<std::size_t>(probe.rows())), probe);
  return probe;
}

Shard::Shard(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences)
    : exec_(exec),
      config_(model.config()),
      rotary_(config_, sequences.length),
      length_(sequences.length),
      all_units_(unit_count(sequences)),
      units_(embedded_units(model, sequences, world.rank(), world.size())),
      probe_(embedded_probe(model, sequences)) {}

ForwardContext Shard::context(Index sequence_length) const { return {config_, rotary_, sequence_length, exec_}; }

void Shard::restore(const std::function<MatrixF(Index)>& unit, MatrixF probe) {
  const auto replace = [](MatrixF& old, MatrixF stored) {
    if (stored.rows() != old.rows() || stored.cols() != old.cols()) {
      throw Error(fmt::format("stored hidden states are {}×{}, not {}×{}; run with --restart", stored.rows(),
                              stored.cols(), old.rows(), old.cols()));
    }
    old = std::move(stored);
  };
  for (Unit& mine : units_) replace(mine.hidden, unit(mine.number));
  replace(probe_, std::move(probe));
}

void Shard::forward(const Block& block) {
  forward_block(context(probe_.rows()), block, probe_);
  for (Unit& unit : units_) forward_block(context(length_), block, unit.hidden);
}

std::vector<GroupSums> Shard::begin(const Block& block, const Statistics& statistics) {
  std::vector<GroupSums> sums;
  const ForwardContext probe = context(probe_.rows());
  const auto make = [&](const LinearGroup& group, const ConstViewF& inputs) {
    sums.push_back(empty_sums(group, inputs, statistics, length_, all_units_));
  };
  forward_attention(probe, block, probe_, make);
  if (block.router.rows() > 0) {
    // The router may send none of the probe's tokens to an expert: each sees some of them, whoever they are for.
    const MatrixF inputs = mlp_inputs(probe, block, probe_).topRows(std::min(kExpertProbeTokens, probe_.rows()));
    for (const Mlp& expert : block.mlps) {
      MatrixF x = inputs;  // tokens×hidden_size
      forward_mlp(exec_, expert, x, make);
    }
    forward_mlps(probe, block, probe_);
  } else {
    forward_mlps(probe, block, probe_, make);
  }
  return sums;
}

std::vector<Index> Shard::attend(const Block& block, std::vector<GroupSums>& sums) {
  std::vector<Index> tokens(static_cast<std::size_t>(block.router.rows()), 0);
  for (Unit& unit : units_) {
    forward_attention(context(length_), block, unit.hidden, [&](const LinearGroup& group, const ConstViewF& inputs) {
      sums[position(group)].routed().add(exec_, inputs);
    });
    if (tokens.empty()) continue;
    const MatrixF x = mlp_inputs(context(length_), block, unit.hidden);
    const std::vector<ExpertTokens> routed = route(exec_, block.router, block.experts_per_token, x);
    for (std::size_t expert = 0; expert < tokens.size(); ++expert)
      tokens[expert] += static_cast<Index>(routed[expert].rows.size());
  }
  return tokens;
}

void Shard::feed_forward(const Block& block, std::vector<GroupSums>& sums, const std::function<void()>& progress) {
  for (Unit& unit : units_) {
    add_all_tokens(block, unit, sums);
    forward_mlps(context(length_), block, unit.hidden, [&](const LinearGroup& group, const ConstViewF& inputs) {
      assert(sums[position(group)].group() == group.name);
      sums[position(group)].routed().add(exec_, inputs);
    });
    if (progress) progress();
  }
}

// For the experts that few tokens reach: what they would make of all.
void Shard::add_all_tokens(const Block& block, const Unit& unit, std::vector<GroupSums>& sums) {
  for (const Mlp& expert : block.mlps) {
    GroupSums &gate_up = sums[position(expert.gate_up)], &down = sums[position(expert.down)];
    if (!gate_up.wants_all() && !down.wants_all()) continue;
    MatrixF x = mlp_inputs(context(length_), block, unit.hidden);
    forward_mlp(exec_, expert, x, [&](const LinearGroup& group, const ConstViewF& inputs) {
      GroupSums& own = sums[position(group)];
      if (own.wants_all()) own.all().add(exec_, inputs);
    });
  }
}

}  // namespace lrc
