#include "lrc/calibration/channel_maxima.hpp"

#include "lrc/model/forward/forward.hpp"

namespace lrc {
namespace {

using Maxima = std::map<GroupRole, ChannelMaxima>;

Maxima zero(const ModelConfig& config) {
  const MatrixD none = MatrixD::Zero(config.blocks, config.hidden_size);
  return {{GroupRole::qkv, {none, none}}, {GroupRole::gate_up, {none, none}}};
}

void raise(MatrixD& maxima, Index block, const ConstViewF& rows) {
  VectorF largest = VectorF::Zero(rows.cols());
  for (Index i = 0; i < rows.rows(); ++i) largest = largest.cwiseMax(rows.row(i).cwiseAbs().transpose());
  maxima.row(block) = maxima.row(block).cwiseMax(largest.cast<double>().transpose());
}

void look_at_weights(const Block& block, Index index, Maxima& maxima) {
  for (auto& [role, found] : maxima) {
    for (const LinearGroup* group : stage_groups(block, role)) {
      for (const Linear& linear : group->linears) raise(found.weights, index, linear.weight);
    }
  }
}

}  // namespace

Maxima channel_maxima(const Communicator& world, Execution& exec, const Model& model, const Sequences& sequences,
                      const std::function<void(Index block)>& passed) {
  const RotaryEmbedding rotary(model.config(), sequences.length);
  const ForwardContext context{model.config(), rotary, sequences.length, exec};
  Maxima maxima = zero(model.config());
  std::vector<Unit> units;
  world.agree([&] { units = embedded_units(model, sequences, world.rank(), world.size()); });
  for (Index index = 0; index < model.config().blocks; ++index) {
    world.agree([&] {
      if (units.empty()) return;  // the others look at the weights
      const Block block = model.block(index);
      look_at_weights(block, index, maxima);
      const auto look = [&](const LinearGroup& group, const ConstViewF& inputs) {
        if (const auto found = maxima.find(group.role); found != maxima.end())
          raise(found->second.inputs, index, inputs);
      };
      for (Unit& unit : units) forward_block(context, block, unit.hidden, {.inputs = look});
    });
    if (passed) passed(index);
  }
  for (auto& [role, found] : maxima) {
    for (MatrixD* all : {&found.inputs, &found.weights})
      world.max_in_place({all->data(), static_cast<std::size_t>(all->size())});
  }
  return maxima;
}

}  // namespace lrc
