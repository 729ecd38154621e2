// What is learned of one linear: how its weight W (d_out×d_in) is rounded, and with LRQ its scales, as functions of a
// few matrices that gradient descent moves. Rounding passes gradients on as if it were not there (straight-through).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lrc/linalg/named_matrix.hpp"
#include "lrc/quantization/grid/grid.hpp"
#include "lrc/quantization/lrq/rounding.hpp"

namespace lrc {

/// Ŵ = s·clamp(round(x), lowest − zero point, highest − zero point); zero points stay as they are.
enum class LearnedForm {
  low_rank,  ///< LRQ (arXiv 2407.11534): x = W / exp(d1 + L2·U2 + r2 + c2), s = exp(d1)
  full,      ///< FlexRound (arXiv 2306.00317): x = W / exp(d1 + S2 + r2), s = exp(d1)
  additive,  ///< on top of a closed form's W: x = W / s + A, where s stays as it is
};

/// The form that a rank asks for: full where L2·U2 could be any matrix, rank ≥ min(d_out, d_in).
LearnedForm form_of_rank(Index d_out, Index d_in, Index rank);

/// U2 (rank×d_in) to start from: uniform in ±1/√d_in. Each number depends on the seed, the linear's name and its place
/// alone.
MatrixF initial_u2(Index rank, Index d_in, std::uint64_t seed, const std::string& linear);

class LearnedWeight {
 public:
  /// LRQ that starts from L2 = r2 = c2 = 0 and `u2` (rank×d_in): at W rounded to nearest.
  /// Preconditions: `start` fits W (d_out×1, positive scales); 1 ≤ rank < min(d_out, d_in).
  static LearnedWeight low_rank(MatrixF weight, int bits, FittedGrid start, MatrixF u2);
  /// FlexRound that starts from S2 = r2 = 0. Precondition: `start` fits W (d_out×1, positive scales).
  static LearnedWeight full(MatrixF weight, int bits, FittedGrid start);
  /// Starts from A = 0: at W rounded to `fitted`. Precondition: `fitted` is of `grid` and fits W (d_out×groups).
  static LearnedWeight additive(MatrixF weight, const WeightGrid& grid, FittedGrid fitted);

  Index d_out() const { return weight_.rows(); }
  Index d_in() const { return weight_.cols(); }

  /// In this order: d1 (d_out×1), L2 (d_out×rank), U2 (rank×d_in), r2 (d_out×1), c2 (1×d_in) of LRQ; d1, S2
  /// (d_out×d_in), r2 of FlexRound; A (d_out×d_in). Their sizes are not to be changed.
  std::vector<NamedMatrix>& parameters() { return parameters_; }
  const std::vector<NamedMatrix>& parameters() const { return parameters_; }

  /// Ŵ (d_out×d_in).
  MatrixF values(Execution& exec) const;

  /// The gradients of a loss by the parameters, in their order and sizes, from its gradient by Ŵ, `by_values`
  /// (d_out×d_in). A number that is clamped takes no part but through s. One that is just at a bound does by half, as
  /// with PyTorch's minimum and maximum, and in the additive form as if it were inside.
  std::vector<MatrixF> gradient(Execution& exec, MatrixF by_values) const;

  /// Ŵ's codes and grid: dequantized, they are values(), bit for bit. Precondition: the parameters are finite.
  QuantizedWeight quantized(Execution& exec) const;

 private:
  // Of the forms' parameters in their order.
  enum Place : std::size_t { kD1 = 0, kL2 = 1, kU2 = 2, kR2 = 3, kC2 = 4, kS2 = 1, kFullR2 = 2, kA = 0 };

  LearnedWeight(LearnedForm form, const WeightGrid& grid, MatrixF weight, FittedGrid fitted);
  MatrixF& add_parameter(const char* name, Index rows, Index cols);
  const MatrixF& parameter(std::size_t place) const { return parameters_[place].values; }
  Index groups() const { return fitted_.scales.cols(); }
  Index first_of(Index group) const { return std::min(group * grid_.group_width(d_in()), d_in()); }
  int zero_point(Index row, Index group) const;
  Rounding rounding(Index row, Index group) const;
  void scalings(Execution& exec, Index first, ViewF out) const;
  void to_ratios(Index row, float* x) const;
  void differentiate(Execution& exec, MatrixF& by_values, std::vector<MatrixF>& gradients) const;

  LearnedForm form_;
  WeightGrid grid_;
  MatrixF weight_;                       // d_out×d_in
  FittedGrid fitted_;                    // d_out×groups; of LRQ and FlexRound, the scales are where d1 started
  std::vector<NamedMatrix> parameters_;  // see parameters()
};

/// What a learned weight takes, in bytes.
struct LearnedWeightBytes {
  double weight;       ///< W; its grid is small
  double parameters;   ///< as much again are their gradients, and each of Adam's two moments
  double temporaries;  ///< of gradient(), beside `by_values` and what it returns
};
/// Precondition: rank ≥ 1 of the low-rank form, else it is not read.
LearnedWeightBytes learned_weight_bytes(LearnedForm form, Index d_out, Index d_in, Index rank);

}  // namespace lrc
