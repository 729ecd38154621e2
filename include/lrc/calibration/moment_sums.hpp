// Second moments of one group's inputs, summed exactly over units of work and over ranks.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lrc/calibration/channel_sums.hpp"
#include "lrc/calibration/fixed_point.hpp"
#include "lrc/core/execution.hpp"
#include "lrc/linalg/moments.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// exact: XXᵀ, XYᵀ and YYᵀ. diagonal: XXᵀ and, per channel, Σxy and Σy² (docs/method.md, "One matrix instead of
/// three"). Where the inputs are prepared before they are quantized (preparation.hpp), what prepares them comes from a
/// first pass, inputs: XXᵀ and Σx; the second one sums cross: XYᵀ and YYᵀ, or diagonals: Σxy and Σy². drift: XYᵀ and
/// Σx, where x is by how much the inputs y of the quantized model fall short of the original's (propagated_target.hpp).
enum class MomentKind { exact, diagonal, inputs, cross, diagonals, drift };

inline bool has_squares(MomentKind kind) {
  return kind == MomentKind::exact || kind == MomentKind::diagonal || kind == MomentKind::inputs;
}
inline bool has_squares_of_y(MomentKind kind) { return kind == MomentKind::exact || kind == MomentKind::cross; }
inline bool has_cross(MomentKind kind) { return has_squares_of_y(kind) || kind == MomentKind::drift; }
inline bool has_diagonals(MomentKind kind) { return kind == MomentKind::diagonal || kind == MomentKind::diagonals; }
inline bool has_input_sums(MomentKind kind) { return kind == MomentKind::inputs || kind == MomentKind::drift; }

class MomentSums {
 public:
  /// Of all rows, or of some: whole rows of tiles (moment_tile).
  MomentSums(std::string group, MomentKind kind, const FixedPointScales& scales);
  MomentSums(std::string group, MomentKind kind, FixedPointScales scales, RowRange rows);

  /// Adds one unit's tokens: x and y = Q_a(x), both tokens×d. Each unit's product is computed in fp32 with fixed tiles
  /// (symmetric ones by their lower half: 2d² multiply-adds a token for exact, d²/2 for diagonal) and then rounded to
  /// the grid. Throws Error where a contribution does not fit it.
  void add(Execution& exec, const ConstViewF& x, const ConstViewF& y);
  /// The same for the kind diagonals, where the unit's channels are summed already.
  void add(const ChannelSums& unit, Index tokens);

  /// Adds the sums of all ranks in these rows into those of `owner`, and counts the tokens of all ranks. Collective.
  void reduce(const Communicator& world, int owner, RowRange rows);

  /// What was summed in these rows, on the rank that has it; with `background` times `weight` added, where it is given
  /// (it has the same group, kind and rows).
  SummedMoments result(RowRange rows, const MomentSums* background = nullptr, double weight = 0) const;

  /// Σx (one a row), likewise; of the kinds inputs and drift.
  VectorD input_sums(const MomentSums* background = nullptr, double weight = 0) const;

  const std::string& group() const { return group_; }
  /// Over all ranks, after reduce().
  Index tokens() const { return all_tokens_; }

  /// The bytes of the sums of these rows of a group with `inputs` channels.
  static double bytes(MomentKind kind, Index inputs, RowRange rows);

 private:
  struct Product {                  // the rows of one of the matrices, as tiles
    bool symmetric;                 // only the tiles on and below the diagonal are kept
    std::vector<std::int64_t> sum;  // tile after tile, row by row of them, each row-major
  };
  struct Tile {
    Index row, col, rows, cols, at;  // `at`: where the tile starts in Product::sum
  };

  std::vector<Tile> tiles(bool symmetric) const;
  std::span<std::int64_t> part(Product& product, RowRange rows) const;
  void add_product(Execution& exec, Product& product, const ConstViewF& left, const ConstViewF& right);
  void add_channels(const ChannelSums& unit);
  void check_squares(const VectorD& squares) const;
  MatrixF matrix(Product MomentSums::*product, RowRange rows, const MomentSums* background, double weight) const;
  MatrixF diagonal(std::vector<std::int64_t> MomentSums::*sums, RowRange rows, const MomentSums* background,
                   double weight) const;

  std::string group_;
  MomentKind kind_;
  FixedPointScales scales_;
  RowRange rows_;
  Product xx_{true, {}}, xy_{false, {}}, yy_{true, {}};
  std::vector<std::int64_t> xy_diagonal_, yy_diagonal_;  // one a row; diagonals only
  std::vector<std::int64_t> inputs_;                     // Σx, one a row; inputs and drift only
  Index tokens_ = 0, all_tokens_ = 0;
};

}  // namespace lrc
