#include "lrc/evaluation/perplexity.hpp"

#include <cassert>
#include <cmath>

#include "lrc/evaluation/token_losses.hpp"
#include "lrc/model/forward/forward.hpp"

namespace lrc {

double Perplexity::value() const { return std::exp(negative_log_likelihood / static_cast<double>(tokens)); }

Perplexity evaluate_perplexity(const Communicator& world, Execution& exec, const Model& model, const Sequences& windows,
                               const std::function<void(Index)>& on_block) {
  assert(windows.count >= 1 && windows.length >= 2);
  const ModelConfig& config = model.config();
  const RotaryEmbedding rotary(config, windows.length);
  std::vector<Unit> units = embedded_units(model, windows, world.rank(), world.size());
  for (Index index = 0; index < config.blocks; ++index) {
    const Block block = model.block(index);
    for (Unit& unit : units) forward_block({config, rotary, windows.length, exec}, block, unit.hidden);
    if (on_block) on_block(index);
  }
  const std::vector<MatrixD> losses = token_losses(exec, model, windows, units);

  // One sum a unit, in a fixed order; each is non-zero on one rank only, so their sum over the ranks is exact.
  std::vector<double> of_unit(static_cast<std::size_t>(unit_count(windows)), 0.0);
  for (std::size_t u = 0; u < units.size(); ++u) {
    double& sum = of_unit[static_cast<std::size_t>(units[u].number)];
    for (Index i = 0; i < losses[u].size(); ++i) sum += losses[u].data()[i];
  }
  world.sum_in_place(of_unit);
  Perplexity result{.tokens = windows.count * (windows.length - 1)};
  for (const double sum : of_unit) result.negative_log_likelihood += sum;
  return result;
}

}  // namespace lrc
