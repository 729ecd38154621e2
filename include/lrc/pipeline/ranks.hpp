// What a run works with: the ranks of the job, and what each computes with.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

struct Ranks {
  const Communicator& world;
  Execution& exec;
};

}  // namespace lrc
