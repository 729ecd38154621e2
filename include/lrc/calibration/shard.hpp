// This rank's share of the calibration tokens on its way through the blocks: in one stream of hidden states, or in two,
// as the quantized model has them, as far as it is solved (X̂), and as the original has them (X̄).
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "lrc/calibration/group_sums.hpp"
#include "lrc/model/forward/forward.hpp"
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

/// A block as the streams go through it.
struct StreamBlocks {
  Block quantized;   ///< as far as it is; of one stream alone it may be the original one
  Block original{};  ///< where there is a stream of it: the same norms and router
};

class Shard {
 public:
  /// Embeds this rank's units: unit u belongs to rank u modulo the number of ranks. `original`: there are two streams.
  Shard(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences,
        bool original = false);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// No sums yet of the groups of `stage`, one after the other, which the probe is about to enter: it tells the scales.
  std::vector<GroupSums> empty_sums(const StreamBlocks& blocks, GroupRole stage, const Statistics& statistics) const;
  void pass_probe(const StreamBlocks& blocks, GroupRole stage);

  /// One stream, unit by unit, through attention, then through the MLP or the experts, expert after expert. The inputs
  /// of the groups that have sums are added to them, which are not reduced. `progress` is called after each unit.
  void attend(const StreamBlocks& blocks, std::vector<GroupSums>& sums);
  void feed_forward(const StreamBlocks& blocks, std::vector<GroupSums>& sums,
                    const std::function<void()>& progress = {});

  /// Any streams, stage by stage: the sums of a stage's groups, where there are two with the drift, which begins here;
  /// then, when these groups may have been exchanged, they are passed. Of an expert's original inputs those are summed
  /// that the quantized stream sends to it.
  void sum(const StreamBlocks& blocks, GroupRole stage, std::vector<GroupSums>& sums);
  void pass(const StreamBlocks& blocks, GroupRole stage);

  /// How many of this rank's tokens go to each expert, from attention_out to down, by the first stream; none in a dense
  /// model.
  std::vector<Index> routed_tokens() const;

  /// This rank's units, as they enter the next block, in the first stream.
  const std::vector<Unit>& units() const { return stream_.units; }
  /// The first tokens of the first sequence, on every rank. Being causal, they are what the unit that holds them
  /// computes too. Probe tokens×hidden_size.
  const MatrixF& probe() const { return probe_; }

  /// Goes on from hidden states that were stored: `unit` and `probe` have the shapes of what they replace.
  void restore(const std::function<MatrixF(Index unit)>& unit, MatrixF probe);

 private:
  struct Stream {
    std::vector<Unit> units;
    std::vector<StagedBatch> batches{};  // of each unit
  };

  Observer adding_to(std::vector<GroupSums>& sums);
  MatrixF original_inputs(const Block& original, GroupRole stage, std::size_t unit, std::size_t i) const;
  void sum_all_tokens(const StreamBlocks& blocks, std::size_t unit, GroupSums& sums);
  ForwardContext context() const { return {config_, rotary_, length_, exec_}; }
  ForwardContext probe_context() const { return {config_, rotary_, probe_.rows(), exec_}; }

  Execution& exec_;
  const ModelConfig& config_;
  RotaryEmbedding rotary_;
  Index length_, all_units_;
  bool two_streams_;
  Stream stream_, original_;  // of the original no units where it is not wanted
  MatrixF probe_;             // probe tokens×hidden_size, of the first stream
  StagedBatch probe_batch_{probe_};
};

}  // namespace lrc
