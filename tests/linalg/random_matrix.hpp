// Matrices for tests: the same numbers in every run.
#pragma once

#include <random>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

inline MatrixD random_matrix(Index rows, Index cols, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal;
  return MatrixD::NullaryExpr(rows, cols, [&] { return normal(generator); });
}

inline MatrixF random_floats(Index rows, Index cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  MatrixF matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = normal(random);
  return matrix;
}

/// Symmetric, with eigenvalues of about 0.1 to 4.
inline MatrixD random_positive_definite(Index n, unsigned seed) {
  const MatrixD a = random_matrix(n, n, seed);
  return MatrixD(a * a.transpose() / static_cast<double>(n)) + 0.1 * MatrixD::Identity(n, n);
}

}  // namespace lrc
