// Sums of gradients that do not depend on their order, nor on how windows are spread over ranks: each is rounded once
// to a fixed-point grid that all share, and added as int64.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// The largest |x| in `values`; infinite where one is not a number.
float largest_magnitude(Execution& exec, const MatrixF& values);

/// Σ of `count` matrices (rows×cols), on a grid that `largest`, the largest |x| in any of them, has 51 bits on (fewer
/// from a count of 2048 on): floats down to 2^-27 of it are there with all their bits.
class GradientSum {
 public:
  /// Preconditions: count ≥ 1; `largest` is finite, ≥ 0.
  GradientSum(Index rows, Index cols, float largest, Index count);

  /// Preconditions: `values` are rows×cols, none larger than `largest`.
  void add(Execution& exec, const MatrixF& values);

  /// What the words of all ranks are added into, in any order: rows·cols.
  std::span<std::int64_t> words() { return words_; }

  /// The sum, rounded once.
  MatrixF value(Execution& exec) const;

 private:
  Index rows_, cols_;
  double factor_;                    // a power of two: steps of the grid in 1
  std::vector<std::int64_t> words_;  // rows×cols
};

}  // namespace lrc
