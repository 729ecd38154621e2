#include "lrc/linalg/cholesky.hpp"

#include <cblas.h>
#include <lapack.h>

#include <algorithm>
#include <cassert>
#include <cmath>

namespace lrc {
namespace {

// A multiple of what BLAS packs at a time, and small against the sizes of a solve, so that many tiles are in a column.
constexpr Index kTile = 256;

// One block of a matrix: its first row or column, and how many.
struct Block {
  Index begin;
  int size;
};

Block block_at(Index n, Index number) {
  const Index begin = number * kTile;
  return {begin, static_cast<int>(std::min(kTile, n - begin))};
}

double* at(MatrixD& a, Index row, Index col) { return a.data() + row * a.cols() + col; }

// a[rows, cols] −= a[rows, :cols] · a[cols, :cols]ᵀ: what the columns before contribute.
void subtract_left_columns(MatrixD& a, Block rows, Block cols) {
  const int distance = narrow<int>(a.cols());
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows.size, cols.size, narrow<int>(cols.begin), -1.0,
              at(a, rows.begin, 0), distance, at(a, cols.begin, 0), distance, 1.0, at(a, rows.begin, cols.begin),
              distance);
}

// The diagonal block by LAPACK: its upper triangle by columns is our lower one by rows.
void factor_diagonal(MatrixD& a, Block block) {
  const int distance = narrow<int>(a.cols());
  int info = 0;
  LAPACK_dpotrf("U", &block.size, at(a, block.begin, block.begin), &distance, &info);
  assert(info >= 0);
  if (info > 0) throw CholeskyFailure(block.begin + info - 1);
  for (Index j = block.begin; j < block.begin + block.size; ++j) {
    if (!(a(j, j) > 0 && std::isfinite(a(j, j)))) throw CholeskyFailure(j);  // dpotrf lets NaN pass
  }
}

}  // namespace

void cholesky(Execution& exec, MatrixD& a) {
  const Index n = a.rows();
  assert(a.cols() == n);
  const Index blocks = ceil_div(n, kTile);
  for (Index column = 0; column < blocks; ++column) {
    const Block cols = block_at(n, column);
    exec.for_each(blocks - column, [&](Index i) { subtract_left_columns(a, block_at(n, column + i), cols); });
    factor_diagonal(a, cols);
    exec.for_each(blocks - column - 1, [&](Index i) {
      const Block rows = block_at(n, column + 1 + i);
      const int distance = narrow<int>(n);
      cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, rows.size, cols.size, 1.0,
                  at(a, cols.begin, cols.begin), distance, at(a, rows.begin, cols.begin), distance);
    });
  }
  a.triangularView<Eigen::StrictlyUpper>().setZero();
}

void upper_cholesky(Execution& exec, MatrixD& a) {
  // With rows and columns in reverse order, R is lower triangular; reversing both reverses the storage.
  std::reverse(a.data(), a.data() + a.size());
  try {
    cholesky(exec, a);
  } catch (const CholeskyFailure& failure) {
    throw CholeskyFailure(a.rows() - 1 - failure.column());
  }
  std::reverse(a.data(), a.data() + a.size());
}

}  // namespace lrc
