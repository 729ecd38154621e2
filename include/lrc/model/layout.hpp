// Where a family keeps its tensors: names and shapes of a block's parts, from the configuration alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lrc/model/block.hpp"
#include "lrc/model/config.hpp"

namespace lrc {

/// Where an original model keeps a weight: in a tensor of its own, or as some rows of a fused one.
struct StoredRows {
  std::string tensor;
  std::vector<Index> shape;  ///< of the whole tensor; its last dimension is d_in
  Index first = 0;           ///< row, counted over all dimensions but the last
};

struct LinearLayout {
  std::string name;  ///< path of the module; what lrc writes is NAME.weight_packed, …, and, with `bias`, NAME.bias
  Index rows, cols;  ///< d_out, d_in
  bool bias;
  StoredRows stored;
  std::vector<Index> parts{};  ///< rows of each matrix that is fused in it, one after the other; empty: it is one
};

/// A linear whose weight is the tensor NAME.weight.
LinearLayout linear(const std::string& name, Index rows, Index cols, bool bias);

struct GroupLayout {
  GroupRole role = GroupRole::qkv;
  Index expert = kNoExpert;
  std::string name;
  std::vector<LinearLayout> linears;

  Index inputs() const { return linears.front().cols; }
};

/// Elements of the weights of its linears.
double weights(const GroupLayout& group);

/// Linears of a group that are solved as one tall weight and share one V: `count` from the `first` on.
struct LinearStack {
  std::string name;  ///< of the linear, or, where there are several, of the group
  std::size_t first = 0, count = 1;
  Index rows = 0;  ///< d_out of all together
};

/// All of the group's linears as one stack, or each as one of its own.
std::vector<LinearStack> stacks_of(const GroupLayout& group, bool stacked);

/// d_out of each linear of a stack.
std::vector<Index> linear_rows(const GroupLayout& group, const LinearStack& stack);

/// d_out of each matrix in a stack that may have another size than the others: of each linear, of a fused one of each
/// part.
std::vector<Index> part_rows(const GroupLayout& group, const LinearStack& stack);

struct MlpLayout {
  GroupLayout gate_up, down;
};

/// The places of a Block (block.hpp).
struct BlockLayout {
  std::string attention_norm, mlp_norm;  ///< names of tensors, hidden_size each
  GroupLayout qkv{};
  std::string q_norm{}, k_norm{};  ///< head_dim each; empty where there is none
  GroupLayout attention_out{};
  std::optional<LinearLayout> router{};  ///< experts×hidden_size
  std::vector<MlpLayout> mlps{};         ///< one, or the experts

  /// qkv, attention_out, then gate_up and down of the MLP or of every expert.
  std::vector<GroupLayout> groups() const;
};

/// The parts of block `index` (0 ≤ index < config.blocks).
BlockLayout block_layout(const ModelConfig& config, Index index);

/// The group of that name, which the block has.
const GroupLayout& group_layout(const BlockLayout& block, const std::string& name);

inline constexpr const char* kEmbeddingTensor = "model.embed_tokens.weight";
inline constexpr const char* kFinalNormTensor = "model.norm.weight";
inline constexpr const char* kHeadTensor = "lm_head.weight";

}  // namespace lrc
