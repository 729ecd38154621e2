#include "lrc/pipeline/kept_dtype.hpp"

#include <algorithm>
#include <numeric>

#include "lrc/core/log.hpp"

namespace lrc {
namespace {

constexpr Index kLookedAtOnce = Index{1} << 20;  // elements of a table

bool fit_half(const auto& values) {
  constexpr float kLargestHalf = 65504;
  return values.size() == 0 || values.cwiseAbs().maxCoeff() <= kLargestHalf;
}

bool tokens_fit(const Model& model, Index first, Index rows, std::string& beyond) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(rows));
  std::iota(tokens.begin(), tokens.end(), narrow<std::int32_t>(first));
  MatrixF embedding(rows, model.config().hidden_size);
  model.embed(tokens, embedding);
  if (!fit_half(embedding)) beyond = kEmbeddingTensor;
  if (!fit_half(model.head_rows(first, rows))) beyond = kHeadTensor;
  return beyond.empty();
}

bool block_fits(const Model& model, Index index, std::string& beyond) {
  const BlockLayout layout = block_layout(model.config(), index);
  if (!fit_half(model.norm(index, GroupRole::qkv))) beyond = layout.attention_norm;
  if (!fit_half(model.norm(index, GroupRole::gate_up))) beyond = layout.mlp_norm;
  for (const std::string& name : {layout.q_norm, layout.k_norm}) {
    if (!fit_half(model.head_norm(name))) beyond = name;
  }
  for (const GroupLayout& group : layout.groups()) {
    if (std::ranges::none_of(group.linears, &LinearLayout::bias)) continue;
    for (const Linear& linear : model.group(index, group).linears) {
      if (!fit_half(linear.bias)) beyond = linear.name + ".bias";
    }
  }
  return beyond.empty();
}

// The name of a tensor of this rank's share that doesn't fit, or nothing.
std::string beyond_half(const Communicator& world, const Model& model) {
  std::string beyond;
  if (!fit_half(model.final_norm())) return kFinalNormTensor;
  const Index vocabulary = model.config().vocabulary_size;
  const Index step = std::max<Index>(1, kLookedAtOnce / model.config().hidden_size);
  for (Index first = world.rank() * step; first < vocabulary; first += world.size() * step) {
    if (!tokens_fit(model, first, std::min(step, vocabulary - first), beyond)) return beyond;
  }
  for (Index block = world.rank(); block < model.config().blocks; block += world.size()) {
    if (!block_fits(model, block, beyond)) return beyond;
  }
  return beyond;
}

}  // namespace

Dtype kept_dtype(const Communicator& world, const Model& model) {
  const Dtype own = model.config().dtype.value();
  if (own != Dtype::f16) return own;  // the others have the range of float
  std::string mine;
  world.agree([&] { mine = beyond_half(world, model); });
  std::string beyond;
  for (const std::string& name : world.gather(mine)) beyond = beyond.empty() ? name : beyond;
  beyond = world.broadcast(beyond);
  if (beyond.empty()) return own;
  log_warning(
      fmt::format("F16, which config.json asks for, can't hold what is to be written of '{}': what stays "
                  "unquantized becomes F32",
                  beyond));
  return Dtype::f32;
}

}  // namespace lrc
