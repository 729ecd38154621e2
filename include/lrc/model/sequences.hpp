// Token sequences, and the units of work they are cut into.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lrc/core/types.hpp"
#include "lrc/linalg/matrix.hpp"
#include "lrc/model/model.hpp"

namespace lrc {

/// `count` sequences of `length` tokens, one after the other.
struct Sequences {
  Index count = 0, length = 0;
  std::vector<std::int32_t> tokens;  // count·length

  std::span<const std::int32_t> part(Index first, Index number) const {
    return std::span(tokens).subspan(static_cast<std::size_t>(first * length),
                                     static_cast<std::size_t>(number * length));
  }
};

/// A batch of whole sequences, about 4096 tokens. It is cut by the sequences alone, never by the number of ranks, so
/// that its products have the same shapes, and bits, in every job.
struct Unit {
  Index number = 0, first_sequence = 0, sequences = 0;
  MatrixF hidden;  ///< (sequences·length)×hidden_size: the input of the next block
};

/// How many units the sequences make.
Index unit_count(const Sequences& sequences);
/// Sequences in a full unit (the last one may hold fewer).
Index sequences_per_unit(Index sequence_length);

/// The units u ≡ rank (mod ranks), embedded.
std::vector<Unit> embedded_units(const Model& model, const Sequences& sequences, int rank, int ranks);

}  // namespace lrc
