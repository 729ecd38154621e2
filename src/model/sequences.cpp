#include "lrc/model/sequences.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// Rounding a unit's d×d product of second moments to integers costs as much as a few hundred tokens of it: so a unit is
// thousands.
constexpr Index kUnitTokens = 4096;

}  // namespace

Index sequences_per_unit(Index sequence_length) { return std::max<Index>(1, kUnitTokens / sequence_length); }

Index unit_count(const Sequences& sequences) { return ceil_div(sequences.count, sequences_per_unit(sequences.length)); }

std::vector<Unit> embedded_units(const Model& model, const Sequences& sequences, int rank, int ranks) {
  assert(static_cast<Index>(sequences.tokens.size()) == sequences.count * sequences.length);
  std::vector<Unit> units;
  const Index full = sequences_per_unit(sequences.length);
  for (Index number = rank; number < unit_count(sequences); number += ranks) {
    const Index first = number * full, count = std::min(full, sequences.count - first);
    units.push_back({number, first, count, MatrixF(count * sequences.length, model.config().hidden_size)});
    model.embed(sequences.part(first, count), units.back().hidden);
  }
  return units;
}

}  // namespace lrc
