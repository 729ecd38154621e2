#include "lrc/pipeline/stack_ranks.hpp"

#include <cmath>
#include <numeric>

#include "lrc/core/log.hpp"
#include "lrc/quantization/rank_allocation.hpp"

namespace lrc {
namespace {

struct NamedBidder {
  std::string name;
  RankBidder bidder;
};

std::vector<SpectraRecord> spectra_of(const BlockLayout& layout, Checkpoint& checkpoint) {
  std::vector<SpectraRecord> spectra;
  for (const GroupLayout& group : layout.groups) spectra.push_back(checkpoint.load_spectra(group.name));
  return spectra;
}

// Of the output that group `i` of a block leads to: its own, or, of qkv and gate_up, that of the group that follows.
double branch_power(const std::vector<SpectraRecord>& spectra, std::size_t i) {
  const std::vector<float>& powers = spectra[i | 1].powers.values;
  return std::accumulate(powers.begin(), powers.end(), 0.0);
}

double bits_of_a_rank(const CalibrateOptions& options, const LinearStack& stack, Index d_in) {
  const auto bits = static_cast<int>(options.factor_bits);
  return static_cast<double>((stack.rows + d_in) * bits) + factor_scale_bits(1, bits);
}

void add_bidders(std::vector<NamedBidder>& bidders, const CalibrateOptions& options, const BlockLayout& layout,
                 Checkpoint& checkpoint) {
  const std::vector<SpectraRecord> spectra = spectra_of(layout, checkpoint);
  for (std::size_t i = 0; i < layout.groups.size(); ++i) {
    const std::vector<LinearStack> stacks = stacks_of(layout.groups[i], options.stack_groups);
    const StoredMatrix<float>& gains = spectra[i].gains;  // stacks×ranks
    for (std::size_t s = 0; s < stacks.size(); ++s) {
      const double power = static_cast<double>(spectra[i].powers.values[s]);
      bidders.push_back(
          {stacks[s].name,
           {.gains = Eigen::Map<const VectorF>(gains.values.data() + s * gains.cols, gains.cols).cast<double>(),
            .weight = power > 0 ? std::sqrt(branch_power(spectra, i)) / power : 0,
            .rank_bits = bits_of_a_rank(options, stacks[s], layout.groups[i].inputs())}});
    }
  }
}

double uniform_bits(const CalibrateOptions& options, const ModelConfig& model) {
  double bits = 0;
  for (Index block = 0; block < model.blocks; ++block) {
    const BlockLayout layout = block_layout(model, block);
    for (const GroupLayout& group : layout.groups) {
      for (const LinearStack& stack : stacks_of(group, options.stack_groups))
        bits +=
            static_cast<double>(options.rank(stack, group.inputs())) * bits_of_a_rank(options, stack, group.inputs());
    }
  }
  return bits;
}

}  // namespace

StackRanks StackRanks::allocated(const CalibrateOptions& options, const ModelConfig& model, Checkpoint& checkpoint) {
  std::vector<NamedBidder> named;
  for (Index block = 0; block < model.blocks; ++block)
    add_bidders(named, options, block_layout(model, block), checkpoint);
  std::vector<RankBidder> bidders;
  for (const NamedBidder& one : named) bidders.push_back(one.bidder);
  const std::vector<Index> ranks = allocate_ranks(bidders, uniform_bits(options, model));
  StackRanks result(options);
  for (std::size_t i = 0; i < ranks.size(); ++i) result.own_[named[i].name] = ranks[i];
  const auto [least, most] = std::minmax_element(ranks.begin(), ranks.end());
  log_info(fmt::format("adaptive ranks: {} to {}", *least, *most));
  return result;
}

}  // namespace lrc
