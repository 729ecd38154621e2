// Tensors of a model's files that are not read.
#pragma once

#include "lrc/model/format/stored_model.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// Warns of tensors that have no place in the model, by name.
void warn_of_unread_tensors(const Communicator& world, const StoredModel& model);

}  // namespace lrc
