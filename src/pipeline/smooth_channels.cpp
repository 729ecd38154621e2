#include "lrc/pipeline/smooth_channels.hpp"

#include <algorithm>

#include "lrc/calibration/channel_maxima.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/pipeline/work_costs.hpp"

namespace lrc {
namespace {

const LearningKey kScales{"smooth", 0};

std::string name_of(GroupRole reader) { return reader == GroupRole::qkv ? "qkv" : "gate_up"; }

SmoothingScales none(const ModelConfig& config) {
  const MatrixF unknown = MatrixF::Zero(config.blocks, config.hidden_size);
  return {{GroupRole::qkv, unknown}, {GroupRole::gate_up, unknown}};
}

void commit(Checkpoint& store, const SmoothingScales& scales) {
  LearningState record;
  for (const auto& [reader, all] : scales) record.push_back({name_of(reader), all});
  store.commit(kScales, record);
  store.make_durable();
}

void load(Checkpoint& store, SmoothingScales& scales) {
  const LearningState record = store.load_learning(kScales);
  for (auto& [reader, all] : scales) {
    const auto found = std::ranges::find(record, name_of(reader), &NamedMatrix::name);
    if (found == record.end() || found->values.rows() != all.rows() || found->values.cols() != all.cols())
      throw Error(
          fmt::format("the stored scales of {} are not {}×{}; restart", name_of(reader), all.rows(), all.cols()));
    all = found->values;
  }
}

std::map<GroupRole, ChannelMaxima> measured(const Ranks& ranks, const Model& model, const Sequences& sequences,
                                            RunLog log) {
  const PhaseTimer timer(log.report, kSmooth);
  enter_phase(kSmooth);
  const auto passed = [&](Index block) {
    log.progress.advance(kSmooth, 1, fmt::format("block {} of {}", block + 1, model.config().blocks));
  };
  return channel_maxima(ranks.world, ranks.exec, model, sequences, passed);
}

}  // namespace

// The scales are rank 0's: powers may differ in their last bits from host to host.
std::unique_ptr<SmoothedModel> smoothed(const Ranks& ranks, const CalibrateOptions& options, const Model& model,
                                        const Sequences& sequences, Checkpoint& store, RunLog log) {
  const Communicator& world = ranks.world;
  SmoothingScales scales = none(model.config());
  const bool there = world.broadcast(Index{!store.learning_steps(kScales.name).empty()}) != 0;
  if (there) {
    world.agree([&] {
      if (world.is_root()) load(store, scales);
    });
    log.progress.expect(kSmooth, 0, 0);
  } else {
    const auto maxima = measured(ranks, model, sequences, log);
    for (auto& [reader, all] : scales) {
      const ChannelMaxima& found = maxima.at(reader);
      for (Index block = 0; block < all.rows(); ++block)
        all.row(block) = smoothing_scales(found.inputs.row(block), found.weights.row(block), options.smooth);
    }
    world.agree([&] {
      if (world.is_root()) commit(store, scales);
    });
  }
  for (auto& [reader, all] : scales)
    world.broadcast_in_place(std::span(all.data(), static_cast<std::size_t>(all.size())));
  return std::make_unique<SmoothedModel>(model, std::move(scales));
}

}  // namespace lrc
