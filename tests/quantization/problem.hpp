// A linear with explicit inputs X and activation-quantized inputs Y, for tests that compare with them.
#pragma once

#include <algorithm>
#include <cmath>

#include "linalg/random_matrix.hpp"
#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/solve.hpp"

namespace lrc {

struct Problem {
  MatrixD weight;  // d_out×d_in
  MatrixD x, y;    // d_in×tokens
  Moments moments;
};

/// Every token (column) rounded to its own 16 levels: 4 bits, scale = clip·absmax/7.
inline MatrixD quantized_tokens(const MatrixD& x, double clip = 0.9) {
  MatrixD y = MatrixD::Zero(x.rows(), x.cols());
  for (Index t = 0; t < x.cols(); ++t) {
    const double scale = clip * x.col(t).cwiseAbs().maxCoeff() / 7;
    if (scale == 0) continue;
    for (Index i = 0; i < x.rows(); ++i) y(i, t) = std::clamp(std::nearbyint(x(i, t) / scale), -8.0, 7.0) * scale;
  }
  return y;
}

/// Correlated inputs whose tokens are rounded to 15 levels each.
inline Problem random_problem(Index d_out, Index d_in, Index tokens, unsigned seed) {
  Problem problem{random_matrix(d_out, d_in, seed), random_matrix(d_in, tokens, seed + 1), MatrixD(d_in, tokens), {}};
  for (Index i = 0; i < d_in; ++i) problem.x.row(i) *= 3.0 / (1.0 + static_cast<double>(i));
  problem.x = MatrixD(random_matrix(d_in, d_in, seed + 2) * problem.x);
  problem.y = quantized_tokens(problem.x);
  problem.moments = {tokens, problem.x * problem.x.transpose(), problem.x * problem.y.transpose(),
                     problem.y * problem.y.transpose()};
  return problem;
}

/// ‖W X − Ŵ Y − U Vᵀ X‖² / ‖W X‖²
inline double explicit_loss(const Problem& problem, const MatrixD& quantized, const MatrixD& u, const MatrixD& v) {
  const MatrixD output = problem.weight * problem.x;
  return (output - quantized * problem.y - u * (v.transpose() * problem.x)).squaredNorm() / output.squaredNorm();
}

inline double explicit_loss(const Problem& problem, const SolveResult& result, Index group_size) {
  return explicit_loss(problem, dequantized(result.codes, result.scales, result.zero_points, group_size).cast<double>(),
                       result.u.values.cast<double>(), result.v.values.cast<double>());
}

}  // namespace lrc
