// This rank's share of the calibration tokens on its way through the blocks.
#pragma once

#include <functional>
#include <vector>

#include "lrc/calibration/moment_sums.hpp"
#include "lrc/model/forward.hpp"
#include "lrc/model/model.hpp"
#include "lrc/model/sequences.hpp"

namespace lrc {

class Shard {
 public:
  /// Embeds this rank's units: unit u belongs to rank u modulo the number of ranks.
  Shard(const Communicator& world, ThreadPool& pool, const Model& model, const Sequences& sequences);

  /// One block forward, without statistics.
  void forward(const Block& block);

  /// One block forward, and this rank's sums of every group's moments, in the order of kGroupRoles. Not reduced yet.
  /// `progress` is called after each unit.
  std::vector<MomentSums> forward_and_sum(const Block& block, MomentKind kind, const ActivationQuantizer& quantizer,
                                          const std::function<void()>& progress = {});

  /// This rank's units, as they enter the next block.
  const std::vector<Unit>& units() const { return units_; }
  /// The first tokens of the first sequence, on every rank: they tell the scales of the sums. Being causal, they are
  /// what the unit that holds them computes too. Probe tokens×hidden_size.
  const MatrixF& probe() const { return probe_; }

  /// Goes on from hidden states that were stored: `unit` and `probe` have the shapes of what they replace.
  void restore(const std::function<MatrixF(Index unit)>& unit, MatrixF probe);

 private:
  std::vector<MomentSums> empty_sums(const Block& block, MomentKind kind);
  ForwardContext context(Index sequence_length) const;

  ThreadPool& pool_;
  const ModelConfig& config_;
  RotaryEmbedding rotary_;
  Index length_, all_units_;
  std::vector<Unit> units_;
  MatrixF probe_;  // probe tokens×hidden_size
};

}  // namespace lrc
