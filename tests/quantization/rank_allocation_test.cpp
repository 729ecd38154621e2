#include "lrc/quantization/rank_allocation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "linalg/random_matrix.hpp"

namespace lrc {
namespace {

RankBidder random_bidder(Index ranks, double rank_bits, unsigned seed) {
  VectorD gains = random_matrix(ranks, 1, seed).cwiseAbs();
  std::sort(gains.begin(), gains.end(), std::greater<>());
  return {gains, 0.5 + std::abs(random_matrix(1, 1, seed + 100)(0, 0)), rank_bits};
}

double value_of(const std::vector<RankBidder>& bidders, const std::vector<Index>& ranks) {
  double value = 0;
  for (std::size_t i = 0; i < bidders.size(); ++i) value += bidders[i].weight * bidders[i].gains.head(ranks[i]).sum();
  return value;
}

double bits_of(const std::vector<RankBidder>& bidders, const std::vector<Index>& ranks) {
  double bits = 0;
  for (std::size_t i = 0; i < bidders.size(); ++i) bits += bidders[i].rank_bits * static_cast<double>(ranks[i]);
  return bits;
}

// The best of all choices of ranks for the bidders from `first` on.
double best_value(const std::vector<RankBidder>& bidders, std::vector<Index>& ranks, std::size_t first, double budget) {
  if (first == bidders.size()) return bits_of(bidders, ranks) <= budget ? value_of(bidders, ranks) : 0.0;
  double best = 0;
  for (ranks[first] = 0; ranks[first] <= bidders[first].gains.size(); ++ranks[first]) {
    best = std::max(best, best_value(bidders, ranks, first + 1, budget));
  }
  return best;
}

double best_value(const std::vector<RankBidder>& bidders, double budget) {
  std::vector<Index> ranks(bidders.size());
  return best_value(bidders, ranks, 0, budget);
}

TEST(AllocateRanks, IsTheBestWithOnePriceForAll) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    const std::vector<RankBidder> bidders{random_bidder(4, 7, seed), random_bidder(2, 7, seed + 20),
                                          random_bidder(5, 7, seed + 40)};
    for (const double budget : {0.0, 6.9, 7.0, 30.0, 50.0, 1000.0}) {
      const std::vector<Index> ranks = allocate_ranks(bidders, budget);
      EXPECT_LE(bits_of(bidders, ranks), budget);
      EXPECT_NEAR(value_of(bidders, ranks), best_value(bidders, budget), 1e-12);
    }
  }
}

TEST(AllocateRanks, MissesTheBestByLessThanOneRankWithOtherPrices) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const std::vector<RankBidder> bidders{random_bidder(4, 3, seed), random_bidder(3, 11, seed + 20),
                                          random_bidder(5, 5, seed + 40)};
    double dearest = 0;
    for (const RankBidder& bidder : bidders) dearest = std::max(dearest, bidder.weight * bidder.gains(0));
    for (const double budget : {4.0, 12.0, 23.0, 31.0, 60.0, 70.0}) {
      const std::vector<Index> ranks = allocate_ranks(bidders, budget);
      EXPECT_LE(bits_of(bidders, ranks), budget);
      EXPECT_GT(value_of(bidders, ranks), best_value(bidders, budget) - dearest);
    }
    EXPECT_EQ(allocate_ranks(bidders, 70), (std::vector<Index>{4, 3, 5}));  // all of it: 12 + 33 + 25
  }
}

TEST(AllocateRanks, BuysTheMostPerBitFirstAndThenWhatStillFits) {
  const RankBidder dear{VectorD::Constant(2, 30), 1, 10}, cheap{VectorD::Constant(3, 1), 1, 1};
  EXPECT_EQ(allocate_ranks({cheap, dear}, 12), (std::vector<Index>{2, 1}));
  EXPECT_EQ(allocate_ranks({cheap, dear}, 9), (std::vector<Index>{3, 0}));
}

TEST(AllocateRanks, EqualBiddersAreServedInTheirOrder) {
  const RankBidder bidder{VectorD::Ones(3), 1, 1};
  EXPECT_EQ(allocate_ranks({bidder, bidder, bidder}, 4), (std::vector<Index>{3, 1, 0}));
}

TEST(AllocateRanks, NothingIsSpentOnWhatBuysNothing) {
  VectorD gains(3);
  gains << 2, 0, -1e-18;
  EXPECT_EQ(allocate_ranks({{gains, 1, 1}, {gains, 0, 1}, {VectorD(0), 1, 1}}, 100), (std::vector<Index>{1, 0, 0}));
  EXPECT_TRUE(allocate_ranks({}, 1).empty());
}

}  // namespace
}  // namespace lrc
