// Where a family keeps its tensors: names and shapes of a block's parts, from the configuration alone.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "lrc/model/block.hpp"
#include "lrc/model/config.hpp"

namespace lrc {

struct LinearLayout {
  std::string name;  ///< path of the module; its tensors are NAME.weight and, with `bias`, NAME.bias
  Index rows, cols;  ///< d_out, d_in
  bool bias;
};

struct GroupLayout {
  std::string name;
  std::vector<LinearLayout> linears;

  Index inputs() const { return linears.front().cols; }
};

struct BlockLayout {
  std::string attention_norm, mlp_norm;                ///< names of tensors, hidden_size each
  std::array<GroupLayout, kGroupRoles.size()> groups;  ///< in the order of kGroupRoles

  const GroupLayout& group(GroupRole role) const { return groups[static_cast<std::size_t>(role)]; }
};

/// The parts of block `index` (0 ≤ index < config.blocks).
BlockLayout block_layout(const ModelConfig& config, Index index);

inline constexpr const char* kEmbeddingTensor = "model.embed_tokens.weight";
inline constexpr const char* kFinalNormTensor = "model.norm.weight";
inline constexpr const char* kHeadTensor = "lm_head.weight";

}  // namespace lrc
