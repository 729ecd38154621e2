#include "lrc/learning/streams.hpp"

namespace lrc {
namespace {

// Σ (y − t)² and Σ t², both in double, token after token.
struct Error2 {
  double lost = 0, power = 0;
};

Error2 error_of(const MatrixF& outputs, const MatrixF& targets) {
  Error2 sum;
  for (Index i = 0; i < targets.size(); ++i) {
    const double t = targets.data()[i], difference = outputs.data()[i] - t;
    sum.lost += difference * difference;
    sum.power += t * t;
  }
  return sum;
}

}  // namespace

LearningStreams::LearningStreams(const Communicator& world, Execution& exec, const Model& model,
                                 const Sequences& sequences)
    : world_(world),
      exec_(exec),
      model_(model),
      sequences_(sequences),
      rotary_(model.config(), sequences.length),
      quantized_(embedded_units(model, sequences, world.rank(), world.size())),
      original_(quantized_) {}

void LearningStreams::pass_original(const Block& block, const Observer& observe) {
  for (Unit& unit : original_) forward_block(context(), block, unit.hidden, observe);
}

void LearningStreams::pass_quantized(const Block& block) {
  for (Unit& unit : quantized_) forward_block(context(), block, unit.hidden);
}

double LearningStreams::relative_error() const {
  return relative_error([](const MatrixF& hidden) { return hidden; });
}

double LearningStreams::relative_error(const Block& block) const {
  return relative_error([&](MatrixF hidden) {
    forward_block(context(), block, hidden);
    return hidden;
  });
}

// Each unit's sums are of one rank; all are added in the order of the units.
double LearningStreams::relative_error(const std::function<MatrixF(const MatrixF&)>& outputs) const {
  std::vector<double> sums(static_cast<std::size_t>(2 * unit_count(sequences_)), 0.0);  // lost, power a unit
  world_.agree([&] {
    for (std::size_t i = 0; i < quantized_.size(); ++i) {
      const Error2 error = error_of(outputs(quantized_[i].hidden), original_[i].hidden);
      const auto at = static_cast<std::size_t>(2 * quantized_[i].number);
      sums[at] = error.lost;
      sums[at + 1] = error.power;
    }
  });
  world_.sum_in_place(std::span(sums));
  Error2 all;
  for (std::size_t at = 0; at < sums.size(); at += 2) {
    all.lost += sums[at];
    all.power += sums[at + 1];
  }
  return all.power > 0 ? all.lost / all.power : 0;
}

Example LearningStreams::example(Index number, int worker) const {
  const Index length = sequences_.length, in_unit = sequences_per_unit(length), unit = number / in_unit;
  const int owner = static_cast<int>(unit % world_.size());
  const auto move = [&](const std::vector<Unit>& units) {
    MatrixF rows;  // length×hidden_size
    if (world_.rank() == owner)
      rows = units[static_cast<std::size_t>(unit / world_.size())].hidden.middleRows(number % in_unit * length, length);
    else if (world_.rank() == worker)
      rows.resize(length, model_.config().hidden_size);
    world_.send(std::span(rows.data(), static_cast<std::size_t>(rows.size())), owner, worker);
    return world_.rank() == worker ? rows : MatrixF();
  };
  MatrixF inputs = move(quantized_);
  return {std::move(inputs), move(original_)};
}

}  // namespace lrc
