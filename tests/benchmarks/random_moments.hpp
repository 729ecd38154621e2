// The problem that benchmarks solve.
#pragma once

#include <cmath>
#include <random>

#include "lrc/linalg/gemm.hpp"
#include "lrc/linalg/moments.hpp"

namespace lrc {

inline MatrixD random_matrix(Index rows, Index cols, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal;
  return MatrixD::NullaryExpr(rows, cols, [&] { return normal(generator); });
}

// Moments of inputs with a decaying spectrum, Y = X + noise: shaped like those of a rotated model.
inline Moments random_moments(Execution& exec, Index d_in) {
  const Index tokens = 2 * d_in;
  MatrixD x = random_matrix(tokens, d_in, 1);
  for (Index j = 0; j < d_in; ++j) x.col(j) *= 4.0 / (4.0 + 100.0 * static_cast<double>(j) / static_cast<double>(d_in));
  x = product(exec, x, random_matrix(d_in, d_in, 2));
  const MatrixD y =
      x + random_matrix(tokens, d_in, 3) * 0.1 * std::sqrt(x.squaredNorm() / static_cast<double>(x.size()));
  return {tokens, symmetric_product(exec, x, x, Op::transpose), product(exec, x, y, Op::transpose),
          symmetric_product(exec, y, y, Op::transpose)};
}

}  // namespace lrc
