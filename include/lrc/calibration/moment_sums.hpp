// Second moments of one group's inputs, summed exactly over units of work and over ranks.
#pragma once

#include <string>
#include <vector>

#include "lrc/calibration/fixed_point.hpp"
#include "lrc/core/parallel.hpp"
#include "lrc/linalg/moments.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// exact: XXᵀ, XYᵀ and YYᵀ. diagonal: XXᵀ and, per channel, Σxy and Σy² (method.md, "One matrix instead of three").
enum class MomentKind { exact, diagonal };

class MomentSums {
 public:
  MomentSums(std::string group, MomentKind kind, FixedPointScales scales);

  /// Sums of the same group on the same grid, empty.
  MomentSums empty_like() const { return {group_, kind_, scales_}; }

  /// Adds one unit's tokens: x and y = Q_a(x), both tokens×d. Each unit's product is computed in fp32 with fixed tiles
  /// (symmetric ones by their lower half: 2d² multiply-adds a token for exact, d²/2 for diagonal) and then rounded to
  /// the grid. Throws Error where a contribution does not fit it.
  void add(ThreadPool& pool, const ConstViewF& x, const ConstViewF& y);

  /// Adds the sums of all ranks into those of `owner`. Collective.
  void reduce(const Communicator& world, int owner);

  /// What was summed, on the rank that has it; with `background` times `weight` added, where it is given (it has the
  /// same group and kind).
  SummedMoments result(const MomentSums* background = nullptr, double weight = 0) const;

  const std::string& group() const { return group_; }
  /// Over this rank's units, or, after reduce(), over all.
  Index tokens() const { return tokens_; }

 private:
  struct Product {                  // one of the matrices, as tiles
    bool symmetric;                 // only the tiles on and below the diagonal are kept
    std::vector<std::int64_t> sum;  // tile after tile, each row-major
  };
  struct Tile {
    Index row, col, rows, cols, at;  // `at`: where the tile starts in Product::sum
  };

  std::vector<Tile> tiles(bool symmetric) const;
  void add_product(ThreadPool& pool, Product& product, const ConstViewF& left, const ConstViewF& right);
  void add_diagonals(const ConstViewF& x, const ConstViewF& y);
  void check_squares(const ConstViewF& x) const;
  /// Calls visit(i, j, index in Product::sum) for every element that is kept.
  template <class Visit>
  void for_each_element(const Product& product, const Visit& visit) const;
  MatrixF matrix(Product MomentSums::*product, const MomentSums* background, double weight) const;
  MatrixF diagonal(std::vector<std::int64_t> MomentSums::*sums, const MomentSums* background, double weight) const;

  std::string group_;
  MomentKind kind_;
  FixedPointScales scales_;
  Product xx_{true, {}}, xy_{false, {}}, yy_{true, {}};
  std::vector<std::int64_t> xy_diagonal_, yy_diagonal_;  // d each; diagonal only
  Index tokens_ = 0;
};

}  // namespace lrc
