// A block learns to give the outputs of another for inputs of its own: the sequences of a step are spread over the
// ranks, and so are its linears, each of which one rank has to learn. Gradients are added exactly, so that the result
// does not depend on the number of ranks.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lrc/learning/streams.hpp"
#include "lrc/mpi/communicator.hpp"
#include "lrc/quantization/lrq/adam.hpp"
#include "lrc/quantization/lrq/learned_weight.hpp"

namespace lrc {

/// All linears of a block, in its order.
std::vector<Linear*> linears_of(Block& block);

class BlockLearner {
 public:
  /// What a linear starts to learn from; asked for by its owner alone.
  using MakeLearned = std::function<LearnedWeight(const Linear& linear)>;

  /// The weights of `block`'s linears become those that are learned, on all ranks. `block`, and what `context` refers
  /// to, must outlive this. Collective, as are step() and put_values().
  BlockLearner(const Communicator& world, const ForwardContext& context, Block& block, const MakeLearned& make);
  BlockLearner(const BlockLearner&) = delete;
  BlockLearner& operator=(const BlockLearner&) = delete;

  /// A step of Adam at the rate `rate` on `batch` sequences, of which rank r has numbers r, r + ranks, ... in `mine`.
  /// Returns the loss before it: the squared error summed over tokens, averaged over sequences and channels. Throws
  /// Error where a gradient is not finite.
  double step(const std::vector<Example>& mine, Index batch, double rate);

  /// Of all linears, in the order of the block; and of those that this rank owns.
  const std::vector<std::string>& names() const { return names_; }
  std::vector<std::string> own_names() const;

  /// Codes and grid of an own linear.
  QuantizedWeight quantized(const std::string& name) const;

  /// Parameters and Adam's moments of an own linear; and to go on from them after `steps` steps, which put_values()
  /// follows. Throws Error where they are not of this form.
  std::vector<NamedMatrix> state(const std::string& name) const;
  void restore(const std::string& name, std::vector<NamedMatrix> state, Index steps);

  /// The learned weights into the block, on all ranks.
  void put_values();

 private:
  struct Own {
    LearnedWeight weight;
    std::vector<AdamMoments> moments;  // of each parameter
  };
  /// d loss / d Ŵ of every linear, d_out×d_in each, for one sequence.
  using Gradients = std::vector<MatrixF>;

  std::vector<double> pass(const std::vector<Example>& mine, Index batch, std::vector<Gradients>& gradients) const;
  std::vector<double> largest_magnitudes(const std::vector<Gradients>& gradients) const;
  void move(const std::string& name, MatrixF gradient, double rate);

  const Communicator& world_;
  ForwardContext context_;
  const Block& block_;
  std::vector<std::string> names_;
  std::vector<Linear*> linears_;    // of the block
  std::vector<int> owners_;         // ranks
  std::map<std::string, Own> own_;  // by name
  Index steps_ = 0;                 // taken
};

}  // namespace lrc
