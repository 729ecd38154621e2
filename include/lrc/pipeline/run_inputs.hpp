// What the programs' mains share: threads, tokens, the check of a model's weights.
#pragma once

#include <filesystem>
#include <string>

#include "lrc/core/execution.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/mpi/communicator.hpp"
#include "lrc/options/data_file.hpp"

namespace lrc {

/// `wanted`, or, where it is 0, the cores this process may run on shared among the host's ranks. Warns where these are
/// few because mpirun binds ranks, as it does where there are one or two.
int thread_count(const Communicator& world, Index wanted);

/// The first `count` sequences (0 = as many as there are) of `length` tokens of a file taken as one stream. Collective:
/// rank 0 reads. Throws InputError for too few tokens (both numbers named), for one outside the vocabulary, and for
/// sequences that are longer than the model's positions.
Sequences load_sequences(const Communicator& world, const DataFile& data, const StoredModel& model, Index count,
                         Index length);

/// Reads every tensor that the model needs once, shared over the ranks, and returns a hash of them all; throws
/// InputError naming the first tensor with a NaN or an infinity. Collective.
std::string check_and_hash_weights(const Communicator& world, const StoredModel& model);

}  // namespace lrc
