// Perplexity of a model over token windows.
#pragma once

#include <functional>

#include "lrc/core/execution.hpp"
#include "lrc/model/model.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

struct Perplexity {
  double negative_log_likelihood = 0;  ///< summed over the predicted tokens, in nats
  Index tokens = 0;                    ///< predicted: each window's first token only conditions

  double value() const;  ///< exp(mean negative log likelihood)
};

/// Every window is a sequence of its own; windows are shared over the ranks. Every rank gets the result, and its bits
/// don't depend on their number. Blocks are read one at a time. Precondition: windows.count ≥ 1, windows.length ≥ 2.
/// `on_block` is called as each block has been run.
Perplexity evaluate_perplexity(const Communicator& world, Execution& exec, const Model& model, const Sequences& windows,
                               const std::function<void(Index block)>& on_block = {});

}  // namespace lrc
