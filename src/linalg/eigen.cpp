#include "lrc/linalg/eigen.hpp"

#include <lapack.h>

#include <cassert>
#include <cmath>
#include <vector>

namespace lrc {
namespace {

// dsyevr for the eigenvalues first .. n, ascending; the eigenvectors are the rows of `vectors` (k×n).
void call_dsyevr(MatrixD& a, int first, VectorD& values, MatrixD& vectors) {
  const int n = narrow<int>(a.rows());
  const double unused = 0, tolerance = 0;
  int found = 0, info = 0;
  std::vector<int> support(static_cast<std::size_t>(2 * vectors.rows()));
  // Upper by columns is lower by rows.
  const auto call = [&](double* work, int work_size, int* integers, int integers_size) {
    LAPACK_dsyevr("V", "I", "U", &n, a.data(), &n, &unused, &unused, &first, &n, &tolerance, &found, values.data(),
                  vectors.data(), &n, support.data(), work, &work_size, integers, &integers_size, &info);
    if (info != 0) throw CallError("dsyevr", fmt::format("info = {} for a {}×{} matrix", info, n, n));
  };
  double work_size = 0;
  int integers_size = 0;
  call(&work_size, -1, &integers_size, -1);
  std::vector<double> work(static_cast<std::size_t>(work_size));
  std::vector<int> integers(static_cast<std::size_t>(integers_size));
  call(work.data(), narrow<int>(work.size()), integers.data(), narrow<int>(integers.size()));
  if (found != vectors.rows()) throw CallError("dsyevr", fmt::format("{} eigenvalues of {}", found, vectors.rows()));
}

double sign_of_largest(const MatrixD& rows, Index row) {
  Index largest = 0;
  for (Index i = 1; i < rows.cols(); ++i) {
    if (std::abs(rows(row, i)) > std::abs(rows(row, largest))) largest = i;
  }
  return rows(row, largest) < 0 ? -1.0 : 1.0;
}

}  // namespace

LeadingEigenvectors leading_eigenvectors(Execution& /*exec*/, MatrixD a, Index k) {
  const Index n = a.rows();
  assert(a.cols() == n && 0 <= k && k <= n);
  LeadingEigenvectors leading{VectorD(k), MatrixD(n, k)};
  if (k == 0) return leading;
  if (!a.allFinite()) throw CallError("dsyevr", "the matrix is not finite");
  VectorD values(n);
  MatrixD rows(k, n);
  call_dsyevr(a, narrow<int>(n - k + 1), values, rows);
  for (Index j = 0; j < k; ++j) {
    const Index ascending = k - 1 - j;
    leading.values(j) = values(ascending);
    leading.vectors.col(j) = sign_of_largest(rows, ascending) * rows.row(ascending).transpose();
  }
  return leading;
}

}  // namespace lrc
