// The range of a group's inputs, by which a static quantizer takes all of them.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// The least and the greatest of some inputs and 0: exact, in whatever order they come.
struct InputRange {
  float lowest = 0, highest = 0;

  /// x: tokens×d.
  void include(Execution& exec, const ConstViewF& x);
};

/// Of the inputs of all ranks. Collective.
InputRange range_of_all(const Communicator& world, InputRange mine);

}  // namespace lrc
