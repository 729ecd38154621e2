// The largest magnitudes of the channels that leave the norms of a model, and of the weights that read them.
#pragma once

#include <functional>
#include <map>

#include "lrc/core/execution.hpp"
#include "lrc/model/model.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// Of the groups of one role, all experts of a block together: blocks×hidden_size each.
struct ChannelMaxima {
  MatrixD inputs;   ///< max over tokens of |x_j|
  MatrixD weights;  ///< max over outputs of |w_ij|
};

/// Of qkv and of gate_up, by one pass of the sequences through the model, of which a rank holds one block and its
/// units. `passed` is called after each block of this rank. The same on all ranks, and on any number of them.
/// Collective.
std::map<GroupRole, ChannelMaxima> channel_maxima(const Communicator& world, Execution& exec, const Model& model,
                                                  const Sequences& sequences,
                                                  const std::function<void(Index block)>& passed = {});

}  // namespace lrc
