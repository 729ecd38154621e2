// In which order sequences are learned from.
#pragma once

#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// The schedule of one block. It follows from these numbers alone, so that a run can go on at any step.
class LearningSchedule {
 public:
  struct Sizes {
    Index sequences, batch, steps;
  };
  /// A step takes min(batch, sequences) sequences. `seed` and `block` draw the order. Precondition: all ≥ 1.
  LearningSchedule(Sizes sizes, Index seed, Index block);

  Index batch() const { return sizes_.batch; }
  Index steps() const { return sizes_.steps; }

  /// The sequences of a step: each epoch goes through all of them in another random order, but for what is left in the
  /// end where the batch does not divide their number. Precondition: 0 ≤ step < steps.
  std::vector<Index> batch(Index step);

 private:
  Sizes sizes_;
  Index seed_, block_;
  Index epoch_ = -1;          // of which order_ is
  std::vector<Index> order_;  // a permutation of the sequences
};

}  // namespace lrc
