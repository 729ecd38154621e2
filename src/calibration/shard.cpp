#include "lrc/calibration/shard.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

constexpr Index kProbeTokens = 256;

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

Shard::Shard(const Communicator& world, ThreadPool& pool, const Model& model, const Sequences& sequences)
    : pool_(pool),
      config_(model.config()),
      rotary_(config_, sequences.length),
      length_(sequences.length),
      all_units_(unit_count(sequences)),
      units_(embedded_units(model, sequences, world.rank(), world.size())),
      probe_(std::min(kProbeTokens, sequences.length), config_.hidden_size) {
  model.embed(std::span(sequences.tokens).first(static_cast<std::size_t>(probe_.rows())), probe_);
}

ForwardContext Shard::context(Index sequence_length) const { return {config_, rotary_, sequence_length, pool_}; }

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

std::vector<MomentSums> Shard::empty_sums(const Block& block, MomentKind kind) {
  std::vector<MomentSums> sums;
  const double scale = static_cast<double>(sequences_per_unit(length_) * length_) / static_cast<double>(probe_.rows());
  forward_block(context(probe_.rows()), block, probe_, [&](const LinearGroup& group, const ConstViewF& inputs) {
    sums.emplace_back(group.name, kind, FixedPointScales(energy(inputs, scale), all_units_));
  });
  return sums;
}

std::vector<MomentSums> Shard::forward_and_sum(const Block& block, MomentKind kind,
                                               const ActivationQuantizer& quantizer,
                                               const std::function<void()>& progress) {
  std::vector<MomentSums> sums = empty_sums(block, kind);
  for (Unit& unit : units_) {
    std::size_t next = 0;
    forward_block(context(length_), block, unit.hidden, [&](const LinearGroup& group, const ConstViewF& inputs) {
      MatrixF quantized = inputs;  // tokens×d_in
      quantize_rows(pool_, quantizer, quantized);
      assert(sums[next].group() == group.name);
      sums[next++].add(pool_, inputs, quantized);
    });
    if (progress) progress();
  }
  return sums;
}

}  // namespace lrc
