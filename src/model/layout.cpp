#include "lrc/model/layout.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

std::vector<const GroupLayout*> groups_of(const BlockLayout& block) {
  std::vector<const GroupLayout*> groups{&block.qkv, &block.attention_out};
  for (const MlpLayout& mlp : block.mlps) groups.insert(groups.end(), {&mlp.gate_up, &mlp.down});
  return groups;
}

}  // namespace

LinearLayout linear(const std::string& name, Index rows, Index cols, bool bias) {
  return {.name = name, .rows = rows, .cols = cols, .bias = bias, .stored = {name + ".weight", {rows, cols}, 0}};
}

double weights(const GroupLayout& group) {
  double all = 0;
  for (const LinearLayout& linear : group.linears)
    all += static_cast<double>(linear.rows) * static_cast<double>(linear.cols);
  return all;
}

std::vector<LinearStack> stacks_of(const GroupLayout& group, bool stacked) {
  std::vector<LinearStack> stacks;
  for (std::size_t i = 0; i < group.linears.size(); ++i) {
    if (!stacked || stacks.empty()) stacks.push_back({group.linears[i].name, i, 0, 0});
    ++stacks.back().count;
    stacks.back().rows += group.linears[i].rows;
  }
  for (LinearStack& stack : stacks) {
    if (stack.count > 1) stack.name = group.name;
  }
  return stacks;
}

std::vector<Index> linear_rows(const GroupLayout& group, const LinearStack& stack) {
  std::vector<Index> rows;
  for (std::size_t i = stack.first; i < stack.first + stack.count; ++i) rows.push_back(group.linears[i].rows);
  return rows;
}

std::vector<Index> part_rows(const GroupLayout& group, const LinearStack& stack) {
  std::vector<Index> rows;
  for (std::size_t i = stack.first; i < stack.first + stack.count; ++i) {
    const LinearLayout& linear = group.linears[i];
    if (linear.parts.empty()) rows.push_back(linear.rows);
    rows.insert(rows.end(), linear.parts.begin(), linear.parts.end());
  }
  return rows;
}

BlockLayout block_layout(const ModelConfig& config, Index index) {
  assert(index >= 0 && index < config.blocks);
  return find_family(config.family)->block(config, index);
}

std::vector<GroupLayout> BlockLayout::groups() const {
  std::vector<GroupLayout> groups;
  for (const GroupLayout* group : groups_of(*this)) groups.push_back(*group);
  return groups;
}

const GroupLayout& group_layout(const BlockLayout& block, const std::string& name) {
  const std::vector<const GroupLayout*> groups = groups_of(block);
  const auto found =
      std::find_if(groups.begin(), groups.end(), [&](const GroupLayout* group) { return group->name == name; });
  assert(found != groups.end());
  return **found;
}

}  // namespace lrc
