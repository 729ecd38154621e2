// What the programs' mains share: threads, tokens, the check of a model's weights.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "lrc/core/parallel.hpp"
#include "lrc/model/sequences.hpp"
#include "lrc/model/stored_model.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// `wanted`, or, where it is 0, the cores this process may run on shared among the host's ranks.
int thread_count(const Communicator& world, Index wanted);

/// Text is tokenized by the model's own tokenizer; tokens come as .npy or .h5.
enum class TokenSource { text, tokens };
/// What a file's name says it is: .txt is text.
TokenSource source_of(const std::filesystem::path& file);

/// The first `count` sequences (0 = as many as there are) of `length` tokens of a file taken as one stream. Collective:
/// rank 0 reads. Throws InputError for too few tokens (both numbers named) and for a token outside the vocabulary.
Sequences load_sequences(const Communicator& world, TokenSource source, const std::filesystem::path& file,
                         const StoredModel& model, Index count, Index length);

/// Reads every tensor once, shared over the ranks, and returns a hash of them all; throws InputError naming the first
/// tensor with a NaN or an infinity. Collective.
std::string check_and_hash_weights(const Communicator& world, const StoredModel& model);

/// Hashes of what the output takes from the model's directory besides its weights, by what it is: what config.json
/// says, which also decides how the model computes, and the tokenizer's files. Collective.
std::map<std::string, std::string> hash_copied_files(const Communicator& world, const StoredModel& model);

/// The BLAS library and the processor type it has chosen: on another one results differ in their last bits. Throws
/// InputError naming a rank where it is not the same on all, unless it `may_differ`; then all are named. Collective.
std::string blas_of_all(const Communicator& world, bool may_differ);

}  // namespace lrc
