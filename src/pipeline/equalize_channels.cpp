#include "lrc/pipeline/equalize_channels.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lrc/core/log.hpp"

namespace lrc {
namespace {

using nlohmann::json;

json to_json(const VectorF& factors) { return std::vector<float>(factors.begin(), factors.end()); }

VectorF to_factors(const json& numbers) {
  const auto values = numbers.get<std::vector<float>>();
  return Eigen::Map<const VectorF>(values.data(), std::ssize(values));
}

json to_json(const BlockEqualization& block) {
  json inner = json::array();
  for (const VectorF& factors : block.inner) inner.push_back(to_json(factors));
  return {{"values", to_json(block.values)}, {"inner", inner}};
}

BlockEqualization to_block(const json& text) {
  BlockEqualization block{.values = to_factors(text.at("values")), .inner = {}};
  for (const json& factors : text.at("inner")) block.inner.push_back(to_factors(factors));
  return block;
}

// Of this rank's blocks, those that have factors: {"3": {...}, ...}.
json own_share(const Communicator& world, const Model& model) {
  json share = json::object();
  for (Index block = world.rank(); block < model.config().blocks; block += world.size()) {
    const BlockEqualization found = equalization_of(model, block);
    if (!found.is_identity()) share[std::to_string(block)] = to_json(found);
  }
  return share;
}

// Of all ranks, on all ranks.
json shared(const Communicator& world, const json& mine) {
  json all = json::object();
  for (const std::string& part : world.gather(mine.dump())) all.update(json::parse(part));
  return json::parse(world.broadcast(all.dump()));
}

BlockEqualization identity(const Model& model) {
  return {.values = {},
          .inner = std::vector<VectorF>(static_cast<std::size_t>(std::max<Index>(1, model.config().experts)))};
}

}  // namespace

std::unique_ptr<EqualizedModel> equalized(const Communicator& world, const Model& model) {
  json mine;
  world.agree([&] { mine = own_share(world, model); });
  const json all = shared(world, mine);
  if (all.empty()) return nullptr;
  std::vector<BlockEqualization> blocks(static_cast<std::size_t>(model.config().blocks), identity(model));
  for (const auto& [block, factors] : all.items()) blocks[std::stoul(block)] = to_block(factors);
  auto result = std::make_unique<EqualizedModel>(model, std::move(blocks));
  log_info(
      fmt::format("equalized: {} channels of {} blocks, which were far larger or smaller on one side than on the other",
                  result->channels(), all.size()));
  return result;
}

}  // namespace lrc
