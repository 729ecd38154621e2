// Adaptive rank (docs/method.md): one budget for the whole model, spent where a rank buys most.
#pragma once

#include <vector>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// A stack as it competes for the budget.
struct RankBidder {
  VectorD gains;      ///< what its 1st, 2nd, ... rank buys (eigenvalues of the refit): descending; size = largest rank
  double weight = 1;  ///< of a unit of gain, against the other stacks; at least 0
  double rank_bits = 0;  ///< of one rank: (d_out + d_in)·factor_bits and its scales; above 0
};

/// The rank of every bidder: ranks are bought one by one, the one of greatest weight·gain per bit that still fits the
/// rest of `budget_bits` first (of equals, the earlier bidder's), until none fits or buys anything. With one price for
/// all that is the best there is; else it misses the best by less than the dearest rank buys.
/// O(ranks · log bidders). Precondition: budget_bits ≥ 0.
std::vector<Index> allocate_ranks(const std::vector<RankBidder>& bidders, double budget_bits);

}  // namespace lrc
