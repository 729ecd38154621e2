// The calibration tokens while blocks learn: hidden states as the quantized model has them, as far as it is learned,
// and as the original has them. Each rank holds its units of both.
#pragma once

#include <functional>
#include <vector>

#include "lrc/model/forward/forward.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// A sequence that a step learns from.
struct Example {
  MatrixF inputs;   ///< length×hidden_size: what enters the block in the quantized model
  MatrixF targets;  ///< length×hidden_size: what leaves it in the original
};

class LearningStreams {
 public:
  LearningStreams(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences);
  LearningStreams(const LearningStreams&) = delete;
  LearningStreams& operator=(const LearningStreams&) = delete;

  /// Each stream through its block; with the original ahead of the quantized one by a block, the former holds the
  /// targets of that block, and the latter its inputs. Not collective.
  void pass_original(const Block& block, const Observer& observe = {});
  void pass_quantized(const Block& block);

  /// Σ (y − t)² / Σ t² over all tokens: of the quantized stream as it is, or as `block` would leave it. Collective. It
  /// does not depend on the ranks.
  double relative_error() const;
  double relative_error(const Block& block) const;

  /// Sequence `number` (0 ≤ number < count) on rank `worker`; nothing on the others. Collective.
  Example example(Index number, int worker) const;

  ForwardContext context() const { return {model_.config(), rotary_, sequences_.length, exec_}; }

 private:
  double relative_error(const std::function<MatrixF(const MatrixF& inputs)>& outputs) const;

  const Communicator& world_;
  Execution& exec_;
  const Model& model_;
  const Sequences& sequences_;
  RotaryEmbedding rotary_;
  std::vector<Unit> quantized_, original_;
};

}  // namespace lrc
