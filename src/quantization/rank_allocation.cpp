#include "lrc/quantization/rank_allocation.hpp"

#include <cassert>
#include <queue>

namespace lrc {
namespace {

struct Offer {
  double gain_per_bit;
  Index bidder;

  // std::priority_queue has the largest on top: the earlier bidder is the larger of equals.
  bool operator<(const Offer& other) const {
    return gain_per_bit != other.gain_per_bit ? gain_per_bit < other.gain_per_bit : bidder > other.bidder;
  }
};

}  // namespace

std::vector<Index> allocate_ranks(const std::vector<RankBidder>& bidders, double budget_bits) {
  assert(budget_bits >= 0);
  std::vector<Index> ranks(bidders.size(), 0);
  std::priority_queue<Offer> offers;
  const auto offer_next = [&](Index bidder) {
    const auto& [gains, weight, rank_bits] = bidders[bidder];
    assert(weight >= 0 && rank_bits > 0);
    if (ranks[bidder] == gains.size()) return;
    const double value = weight * gains(ranks[bidder]) / rank_bits;
    if (value > 0) offers.push({value, bidder});
  };
  for (Index bidder = 0; bidder < std::ssize(bidders); ++bidder) offer_next(bidder);
  while (!offers.empty()) {
    const Index bidder = offers.top().bidder;
    offers.pop();
    // What does not fit now never will, nor will the ranks after it, which cost the same.
    if (bidders[bidder].rank_bits > budget_bits) continue;
    budget_bits -= bidders[bidder].rank_bits;
    ++ranks[bidder];
    offer_next(bidder);
  }
  return ranks;
}

}  // namespace lrc
