// This rank's share of the calibration tokens on its way through the blocks.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "lrc/calibration/group_sums.hpp"
#include "lrc/model/forward.hpp"
#include "lrc/model/model.hpp"
#include "lrc/model/sequences.hpp"

namespace lrc {

/// What is measured.
struct Statistics {
  MomentKind kind = MomentKind::exact;
  ActivationQuantizer quantizer{};
  Index min_expert_tokens = 0;      ///< that an expert's moments need to do without help; 0 = twice its inputs
  bool prepared = false;            ///< in two passes: what prepares the inputs follows from the first
  std::set<GroupRole> by_panels{};  ///< groups whose inputs are kept and summed panel by panel
};

/// Of the first sequence, that many tokens of which each expert sees some, whoever they are for.
inline constexpr Index kExpertProbeTokens = 64;

/// No sums yet, for a group's inputs in `units` units of sequences of `length`; the probe's inputs of the group
/// (tokens×d_in) tell their scales.
GroupSums empty_sums(const LinearGroup& group, const ConstViewF& probe, const Statistics& statistics, Index length,
                     Index units);

/// The first tokens of the first sequence, embedded: probe tokens×hidden_size.
MatrixF embedded_probe(const Model& model, const Sequences& sequences);

class Shard {
 public:
  /// Embeds this rank's units: unit u belongs to rank u modulo the number of ranks.
  Shard(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences);

  /// One block forward, without statistics.
  void forward(const Block& block);

  /// One block forward with statistics, in two halves, between which the ranks count the tokens of every expert.
  /// Empty sums of every group's moments, in the order of the block's layout; the probe goes forward.
  std::vector<GroupSums> begin(const Block& block, const Statistics& statistics);
  /// Attention, and the sums of its groups. Returns how many of this rank's tokens go to each expert; nothing for a
  /// dense block.
  std::vector<Index> attend(const Block& block, std::vector<GroupSums>& sums);
  /// The MLP or the experts, and the sums of their groups, which are not reduced yet. `progress` is called after each
  /// unit.
  void feed_forward(const Block& block, std::vector<GroupSums>& sums, const std::function<void()>& progress = {});

  /// This rank's units, as they enter the next block.
  const std::vector<Unit>& units() const { return units_; }
  /// The first tokens of the first sequence, on every rank: they tell the scales of the sums. Being causal, they are
  /// what the unit that holds them computes too. Probe tokens×hidden_size.
  const MatrixF& probe() const { return probe_; }

  /// Goes on from hidden states that were stored: `unit` and `probe` have the shapes of what they replace.
  void restore(const std::function<MatrixF(Index unit)>& unit, MatrixF probe);

 private:
  void add_all_tokens(const Block& block, const Unit& unit, std::vector<GroupSums>& sums);
  ForwardContext context(Index sequence_length) const;

  Execution& exec_;
  const ModelConfig& config_;
  RotaryEmbedding rotary_;
  Index length_, all_units_;
  std::vector<Unit> units_;
  MatrixF probe_;  // probe tokens×hidden_size
};

}  // namespace lrc
