// What decides about the output's bytes besides options, weights and tokens: entries of a run's fingerprint.
#pragma once

#include <map>
#include <string>

#include "lrc/model/format/stored_model.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// Hashes of what the output takes from the model's directory besides its weights, by what it is: what config.json
/// says, which also decides how the model computes, and the tokenizer's files. Collective.
std::map<std::string, std::string> hash_copied_files(const Communicator& world, const StoredModel& model);

/// The BLAS library and the processor type it has chosen: on another one results differ in their last bits. Throws
/// InputError naming a rank where it is not the same on all, unless it `may_differ`; then all are named. Collective.
std::string blas_of_all(const Communicator& world, bool may_differ);

}  // namespace lrc
