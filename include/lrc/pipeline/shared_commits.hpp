// What one rank commits, and others load: told by messages, so that no rank reads the journals of all.
#pragma once

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// The checkpoint of the other ranks, as rank 0 has opened it. Collective.
void attach_others(const Communicator& world, std::unique_ptr<Checkpoint>& checkpoint,
                   const std::filesystem::path& directory);

/// Every rank learns what the others have committed since the last call. Collective.
void share_commits(const Communicator& world, Checkpoint& checkpoint);

/// After a load has met damage: each rank looks at its share of all that is committed, what is damaged is set aside,
/// and all ranks see the same of the rest, as if the checkpoint had just been opened. Collective.
void set_all_damage_aside(const Communicator& world, Checkpoint& checkpoint);

}  // namespace lrc
