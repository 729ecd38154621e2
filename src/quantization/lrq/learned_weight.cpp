#include "lrc/quantization/lrq/learned_weight.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lrc/linalg/exponential.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/linalg/random.hpp"

namespace lrc {

LearnedForm form_of_rank(Index d_out, Index d_in, Index rank) {
  return rank < std::min(d_out, d_in) ? LearnedForm::low_rank : LearnedForm::full;
}

MatrixF initial_u2(Index rank, Index d_in, std::uint64_t seed, const std::string& linear) {
  const auto bound = static_cast<float>(1 / std::sqrt(static_cast<double>(d_in)));
  return random_uniform(rank, d_in, bound, RandomBits(seed, stream_of(linear)));
}

LearnedWeight::LearnedWeight(LearnedForm form, const WeightGrid& grid, MatrixF weight, FittedGrid fitted)
    : form_(form), grid_(grid), weight_(std::move(weight)), fitted_(std::move(fitted)) {
  assert(2 <= grid_.bits && grid_.bits <= 8);
  assert(fitted_.scales.rows() == d_out() && fitted_.scales.cols() == grid_.groups(d_in()));
  assert(fitted_.zero_points.size() == (grid_.zero_points ? fitted_.scales.size() : 0));
  if (form_ != LearnedForm::additive) add_parameter("d1", d_out(), 1) = fitted_.scales.array().log();
}

LearnedWeight LearnedWeight::low_rank(MatrixF weight, int bits, FittedGrid start, MatrixF u2) {
  const Index rank = u2.rows();
  assert(rank >= 1 && form_of_rank(weight.rows(), weight.cols(), rank) == LearnedForm::low_rank);
  assert(u2.cols() == weight.cols());
  const WeightGrid grid{.bits = bits, .zero_points = start.zero_points.size() > 0};
  LearnedWeight w(LearnedForm::low_rank, grid, std::move(weight), std::move(start));
  w.add_parameter("L2", w.d_out(), rank);
  w.add_parameter("U2", 0, 0) = std::move(u2);
  w.add_parameter("r2", w.d_out(), 1);
  w.add_parameter("c2", 1, w.d_in());
  return w;
}

LearnedWeight LearnedWeight::full(MatrixF weight, int bits, FittedGrid start) {
  const WeightGrid grid{.bits = bits, .zero_points = start.zero_points.size() > 0};
  LearnedWeight w(LearnedForm::full, grid, std::move(weight), std::move(start));
  w.add_parameter("S2", w.d_out(), w.d_in());
  w.add_parameter("r2", w.d_out(), 1);
  return w;
}

LearnedWeight LearnedWeight::additive(MatrixF weight, const WeightGrid& grid, FittedGrid fitted) {
  LearnedWeight w(LearnedForm::additive, grid, std::move(weight), std::move(fitted));
  w.add_parameter("A", w.d_out(), w.d_in());
  return w;
}

MatrixF& LearnedWeight::add_parameter(const char* name, Index rows, Index cols) {
  return parameters_.emplace_back(name, MatrixF::Zero(rows, cols)).values;
}

int LearnedWeight::zero_point(Index row, Index group) const {
  return grid_.zero_points ? fitted_.zero_points(row, group) : 0;
}

Rounding LearnedWeight::rounding(Index row, Index group) const {
  const int zero = zero_point(row, group);
  return {.scale = form_ == LearnedForm::additive ? fitted_.scales(row, group) : exponential(parameter(kD1)(row, 0)),
          .lowest = static_cast<float>(grid_.lowest() - zero),
          .highest = static_cast<float>(grid_.highest() - zero),
          .edge = form_ == LearnedForm::additive ? 1.0F : 0.5F};
}

// The rows of L2·U2, S2 or A from `first` on: out (rows×d_in).
void LearnedWeight::scalings(Execution& exec, Index first, ViewF out) const {
  if (form_ == LearnedForm::low_rank) {
    gemm(exec, Op::none, Op::none, 1.0F, parameter(kL2).middleRows(first, out.rows()), parameter(kU2), 0.0F, out);
    return;
  }
  const MatrixF& all = parameter(form_ == LearnedForm::full ? kS2 : kA);  // d_out×d_in
  exec.for_each(out.rows(), [&](Index r) { out.row(r) = all.row(first + r); });
}

// What scalings() gives of a row, x (d_in), becomes what is rounded. Sums are in PyTorch's order.
void LearnedWeight::to_ratios(Index row, float* x) const {
  const float* w = weight_.data() + row * d_in();
  if (form_ == LearnedForm::additive) {
    for (Index group = 0; group < groups(); ++group) {
      const float scale = fitted_.scales(row, group);
      for (Index j = first_of(group); j < first_of(group + 1); ++j) x[j] = w[j] / scale + x[j];
    }
    return;
  }
  const float d1 = parameter(kD1)(row, 0);
  if (form_ == LearnedForm::full) {
    const float r2 = parameter(kFullR2)(row, 0);
    for (Index j = 0; j < d_in(); ++j) x[j] = w[j] * exponential(-(d1 + (x[j] + r2)));
    return;
  }
  const float r2 = parameter(kR2)(row, 0);
  const float* c2 = parameter(kC2).data();
  for (Index j = 0; j < d_in(); ++j) x[j] = w[j] * exponential(-(d1 + ((x[j] + c2[j]) + r2)));
}

MatrixF LearnedWeight::values(Execution& exec) const {
  MatrixF result(d_out(), d_in());
  scalings(exec, 0, result);
  exec.for_each(d_out(), [&](Index row) {
    float* x = result.data() + row * d_in();
    to_ratios(row, x);
    for (Index group = 0; group < groups(); ++group) {
      round_values(rounding(row, group), first_of(group + 1) - first_of(group), x + first_of(group));
    }
  });
  return result;
}

QuantizedWeight LearnedWeight::quantized(Execution& exec) const {
  QuantizedWeight result{MatrixI8(d_out(), d_in()), fitted_.scales, fitted_.zero_points};
  MatrixF ratios(d_out(), d_in());
  scalings(exec, 0, ratios);
  exec.for_each(d_out(), [&](Index row) {
    float* x = ratios.data() + row * d_in();
    to_ratios(row, x);
    for (Index group = 0; group < groups(); ++group) {
      const Rounding of_group = rounding(row, group);
      const Index first = first_of(group), size = first_of(group + 1) - first;
      round_codes(of_group, zero_point(row, group), size, x + first, result.codes.data() + row * d_in() + first);
      result.scales(row, group) = of_group.scale;
    }
  });
  return result;
}

}  // namespace lrc
