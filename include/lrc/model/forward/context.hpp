// What a forward pass needs beside the weights.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/model/config.hpp"
#include "lrc/model/forward/rotary.hpp"

namespace lrc {

struct ForwardContext {
  const ModelConfig& config;
  const RotaryEmbedding& rotary;
  Index sequence_length;
  Execution& exec;
};

}  // namespace lrc
