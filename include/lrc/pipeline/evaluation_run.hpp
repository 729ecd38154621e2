// What lrc_evaluate does: the perplexity of an original or a quantized model directory.
#pragma once

#include "lrc/mpi/communicator.hpp"
#include "lrc/options/evaluate_options.hpp"

namespace lrc {

/// Collective. Rank 0 prints the perplexity and writes it to `options.json`, where that is a file.
void evaluate(const Communicator& world, const EvaluateOptions& options);

}  // namespace lrc
