#include "lrc/learning/block_learner.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "lrc/model/forward/backward.hpp"
#include "lrc/quantization/lrq/gradient_sum.hpp"

namespace lrc {
namespace {

// The largest first, each to the rank that has least so far.
std::vector<int> balanced_owners(const std::vector<Linear*>& linears, int ranks) {
  std::vector<std::size_t> order(linears.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return linears[a]->weight.size() > linears[b]->weight.size(); });
  std::vector<int> owners(linears.size());
  std::vector<Index> loads(static_cast<std::size_t>(ranks), 0);  // weights
  for (const std::size_t i : order) {
    const auto least = std::min_element(loads.begin(), loads.end());
    owners[i] = static_cast<int>(least - loads.begin());
    *least += linears[i]->weight.size();
  }
  return owners;
}

// `outputs` (tokens×hidden_size) becomes the loss's gradient by it; returns its share of the loss.
double differentiate_loss(const MatrixF& targets, Index batch, MatrixF& outputs) {
  const double share = 1 / static_cast<double>(batch * targets.cols());
  double sum = 0;
  for (Index i = 0; i < outputs.size(); ++i) {
    const double difference = static_cast<double>(outputs.data()[i]) - static_cast<double>(targets.data()[i]);
    sum += difference * difference;
    outputs.data()[i] = static_cast<float>(2 * share * difference);
  }
  return share * sum;
}

}  // namespace

std::vector<Linear*> linears_of(Block& block) {
  std::vector<Linear*> linears;
  for (const GroupRole stage : kStages) {
    for (LinearGroup* group : stage_groups(block, stage)) {
      for (Linear& linear : group->linears) linears.push_back(&linear);
    }
  }
  return linears;
}

BlockLearner::BlockLearner(const Communicator& world, const ForwardContext& context, Block& block,
                           const MakeLearned& make)
    : world_(world),
      context_(context),
      block_(block),
      linears_(linears_of(block)),
      owners_(balanced_owners(linears_, world.size())) {
  for (const Linear* linear : linears_) names_.push_back(linear->name);
  world_.agree([&] {
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      if (owners_[i] != world_.rank()) continue;
      Own own{make(*linears_[i]), {}};
      for (const NamedMatrix& parameter : own.weight.parameters())
        own.moments.push_back(AdamMoments::zeros(parameter.values));
      own_.emplace(names_[i], std::move(own));
    }
  });
  put_values();
}

void BlockLearner::put_values() {
  world_.agree([&] {
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      if (owners_[i] == world_.rank()) linears_[i]->weight = own_.at(names_[i]).weight.values(context_.exec);
    }
  });
  if (world_.size() == 1) return;
  for (std::size_t i = 0; i < linears_.size(); ++i) {
    MatrixF& weight = linears_[i]->weight;
    world_.broadcast_in_place(std::span(weight.data(), static_cast<std::size_t>(weight.size())), owners_[i]);
  }
}

double BlockLearner::step(const std::vector<Example>& mine, Index batch, double rate) {
  std::vector<Gradients> gradients;  // of the own sequences
  std::vector<double> losses;        // of all sequences
  world_.agree([&] { losses = pass(mine, batch, gradients); });
  world_.sum_in_place(std::span(losses));
  const std::vector<double> largest = largest_magnitudes(gradients);
  ++steps_;
  for (std::size_t i = 0; i < linears_.size(); ++i) {
    GradientSum sum(linears_[i]->weight.rows(), linears_[i]->weight.cols(), static_cast<float>(largest[i]), batch);
    for (Gradients& of_sequence : gradients) {
      sum.add(context_.exec, of_sequence[i]);
      of_sequence[i] = {};
    }
    if (world_.size() > 1) world_.reduce_sum(sum.words(), owners_[i]);
    if (owners_[i] == world_.rank()) move(names_[i], sum.value(context_.exec), rate);
  }
  put_values();
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

// Each sequence by itself, so that its gradients have the same bits on any number of ranks.
std::vector<double> BlockLearner::pass(const std::vector<Example>& mine, Index batch,
                                       std::vector<Gradients>& gradients) const {
  std::vector<double> losses(static_cast<std::size_t>(batch), 0.0);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    Gradients& own = gradients.emplace_back();
    for (const Linear* linear : linears_) own.push_back(MatrixF::Zero(linear->weight.rows(), linear->weight.cols()));
    MatrixF outputs = mine[i].inputs;  // length×hidden_size
    BlockTape tape;
    forward_block(context_, block_, outputs, tape);
    const std::size_t number = static_cast<std::size_t>(world_.rank()) + i * static_cast<std::size_t>(world_.size());
    losses.at(number) = differentiate_loss(mine[i].targets, batch, outputs);
    backward_block(context_, block_, tape, std::move(outputs), {.weights = true},
                   [&](const LinearGroup& group, GroupGradient gradient) {
                     for (std::size_t k = 0; k < group.linears.size(); ++k) {
                       const auto at = std::find(linears_.begin(), linears_.end(), &group.linears[k]);
                       own[static_cast<std::size_t>(at - linears_.begin())] = std::move(gradient.linears[k].weight);
                     }
                   });
  }
  return losses;
}

// |d loss / d Ŵ| of each linear, over all sequences.
std::vector<double> BlockLearner::largest_magnitudes(const std::vector<Gradients>& gradients) const {
  std::vector<double> largest(linears_.size(), 0.0);
  for (const Gradients& of_sequence : gradients) {
    for (std::size_t i = 0; i < largest.size(); ++i)
      largest[i] = std::max<double>(largest[i], largest_magnitude(context_.exec, of_sequence[i]));
  }
  world_.max_in_place(largest);
  for (std::size_t i = 0; i < largest.size(); ++i) {
    if (!std::isfinite(largest[i]))
      throw Error(fmt::format("{}: a gradient is not finite after {} steps; learn at a lower rate", names_[i], steps_));
  }
  return largest;
}

void BlockLearner::move(const std::string& name, MatrixF gradient, double rate) {
  Own& own = own_.at(name);
  const std::vector<MatrixF> gradients = own.weight.gradient(context_.exec, std::move(gradient));
  for (std::size_t k = 0; k < gradients.size(); ++k)
    adam_step(context_.exec, steps_, rate, gradients[k], own.moments[k], own.weight.parameters()[k].values);
}

std::vector<std::string> BlockLearner::own_names() const {
  std::vector<std::string> names;
  for (const auto& [name, own] : own_) names.push_back(name);
  return names;
}

QuantizedWeight BlockLearner::quantized(const std::string& name) const {
  return own_.at(name).weight.quantized(context_.exec);
}

std::vector<NamedMatrix> BlockLearner::state(const std::string& name) const {
  const Own& of = own_.at(name);
  std::vector<NamedMatrix> state = of.weight.parameters();
  for (std::size_t k = 0; k < of.moments.size(); ++k) {
    state.push_back({state[k].name + ".first", of.moments[k].first});
    state.push_back({state[k].name + ".second", of.moments[k].second});
  }
  return state;
}

void BlockLearner::restore(const std::string& name, std::vector<NamedMatrix> state, Index steps) {
  const std::vector<NamedMatrix> now = this->state(name);
  const auto fits = [](const NamedMatrix& a, const NamedMatrix& b) {
    return a.name == b.name && a.values.rows() == b.values.rows() && a.values.cols() == b.values.cols();
  };
  if (!std::equal(state.begin(), state.end(), now.begin(), now.end(), fits))
    throw Error(fmt::format("{}: what it has learned is stored in another form; restart", name));
  Own& of = own_.at(name);
  steps_ = steps;
  for (std::size_t k = 0; k < of.moments.size(); ++k) {
    of.weight.parameters()[k].values = std::move(state[k].values);
    of.moments[k].first = std::move(state[of.moments.size() + 2 * k].values);
    of.moments[k].second = std::move(state[of.moments.size() + 2 * k + 1].values);
  }
}

}  // namespace lrc
