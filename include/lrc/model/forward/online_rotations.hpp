// The Hadamard rotations that run at run time, before a group's inputs are quantized.
#pragma once

#include <optional>

#include "lrc/linalg/hadamard.hpp"
#include "lrc/model/block.hpp"
#include "lrc/model/config.hpp"

namespace lrc {

struct OnlineRotations {
  std::optional<HadamardTransform> heads{};  ///< of o's inputs, over all heads: of order heads·head_dim
  std::optional<HadamardTransform> down{};   ///< R4, of down's inputs: of order intermediate_size

  /// That of a group, or nullptr.
  const HadamardTransform* of(GroupRole role) const {
    const auto found = [](const std::optional<HadamardTransform>& rotation) { return rotation ? &*rotation : nullptr; };
    if (role == GroupRole::attention_out) return found(heads);
    return role == GroupRole::down ? found(down) : nullptr;
  }
};

/// Over all heads of o's inputs, and R4, as far as asked for.
OnlineRotations online_rotations(const ModelConfig& config, bool heads, bool down);

}  // namespace lrc
