// This rank's share of the calibration tokens on two ways through a block: as the original model has them (X̄), and as
// the quantized model has them, as far as it is solved (X̂). Stage by stage (staged_forward.hpp): the sums of what the
// stage's groups read, then, with these groups solved, on to the next.
#pragma once

#include "lrc/calibration/shard.hpp"
#include "lrc/model/staged_forward.hpp"

namespace lrc {

class TwoStreams {
 public:
  /// Embeds this rank's units. Without `original` there is only the quantized stream, and no drift.
  TwoStreams(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences, bool original);
  TwoStreams(const TwoStreams&) = delete;
  TwoStreams& operator=(const TwoStreams&) = delete;

  /// To the first stage of this block. Its norms and router are those of both streams.
  void begin(const Block& block);

  /// Empty sums of the stage's groups, in their order; `block` is the quantized one, solved before this stage.
  std::vector<GroupSums> begin_sums(const Block& block, const Statistics& statistics) const;
  /// How many of this rank's tokens the quantized stream sends to each expert; nothing where the stage's group is one.
  std::vector<Index> routed_tokens() const;
  /// The sums of the stage, kept for a second pass; not reduced. An expert's original inputs are those of the tokens
  /// that the quantized stream sends to it.
  void sum(const Block& original, const Block& quantized, std::vector<GroupSums>& sums);

  /// To the next stage, or, after down, to the block's outputs; the stage's groups in `quantized` are solved.
  void pass(const Block& original, const Block& quantized);

  GroupRole stage() const { return kStages.at(stage_); }
  Index units() const { return std::ssize(quantized_.hidden); }

 private:
  struct Way {
    std::vector<MatrixF> hidden;         // of each unit: tokens×hidden_size
    std::vector<StagedBatch> batches{};  // of each unit, within a block
  };

  void begin(const Block& block, Way& way) const;
  MatrixF original_inputs(const Block& original, std::size_t unit, std::size_t group) const;
  void sum_all_tokens(const Block& original, const Block& quantized, std::size_t unit, std::size_t group,
                      GroupSums& sums);
  ForwardContext context(Index length) const { return {config_, rotary_, length, exec_}; }

  Execution& exec_;
  const ModelConfig& config_;
  RotaryEmbedding rotary_;
  Index length_, all_units_;
  std::size_t stage_ = 0;
  Way quantized_, original_;  // of the original none where it is not wanted
  MatrixF probe_;             // probe tokens×hidden_size, of the quantized stream
  StagedBatch probe_batch_{probe_};
};

}  // namespace lrc
