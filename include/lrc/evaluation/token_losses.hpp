// −log p of each next token, with lm_head read in slices of the vocabulary so that memory doesn't grow with it.
#pragma once

#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/model/model.hpp"
#include "lrc/model/sequences.hpp"

namespace lrc {

/// For each unit, −log p of the tokens that follow (sequences×(length − 1) numbers, row-major), from the output of the
/// last block in unit.hidden, which is normalised in place.
std::vector<MatrixD> token_losses(Execution& exec, const Model& model, const Sequences& sequences,
                                  std::vector<Unit>& units);

}  // namespace lrc
