// What a rank holds while blocks learn.
#pragma once

#include "lrc/plan/memory_sizes.hpp"

namespace lrc::memory {

/// Beside the hidden states of both streams and the block's weights.
std::vector<MemoryTerm> learning_terms(const MemoryInputs& in);

}  // namespace lrc::memory
