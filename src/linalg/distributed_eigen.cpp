#include <lapack.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "lrc/linalg/distributed.hpp"

// The last arguments are the lengths of the strings.
extern "C" {
void pdsytrd_(const char* uplo, const int* n, double* a, const int* ia, const int* ja, const int* desc_a, double* d,
              double* e, double* tau, double* work, const int* work_size, int* info, std::size_t uplo_length);
void pdormtr_(const char* side, const char* uplo, const char* op, const int* m, const int* n, const double* a,
              const int* ia, const int* ja, const int* desc_a, const double* tau, double* c, const int* ic,
              const int* jc, const int* desc_c, double* work, const int* work_size, int* info, std::size_t side_length,
              std::size_t uplo_length, std::size_t op_length);
}

namespace lrc {
namespace {

constexpr int kOne = 1;

// In the reversed order of what is stored.
Index stored_col(const DistributedMatrix& a, Index local_col) { return a.cols() - 1 - a.col_of(local_col); }

// A = Q T Qᵀ: T has `diagonal` (n) and `beside` (n; the last is 0), the same on every rank; Q is in A and `reflectors`.
struct Tridiagonal {
  VectorD diagonal, beside;
  VectorD reflectors;  // one a local column
};

// Runs routine(work, size) once to ask for the size of its workspace, then to do its work.
template <class Routine>
void with_workspace(Routine routine) {
  double wanted = 0;
  routine(&wanted, -1);
  std::vector<double> work(static_cast<std::size_t>(wanted) + 1);
  routine(work.data(), narrow<int>(work.size()));
}

// `local` (one value a local column, the same in all grid rows) as a vector that is whole on every rank.
VectorD replicated(const DistributedMatrix& a, const VectorD& local, Index size) {
  VectorD result = VectorD::Zero(a.cols());
  for (Index j = 0; j < a.local().cols(); ++j) {
    if (a.grid().row() == 0 && stored_col(a, j) < size) result(stored_col(a, j)) = local(j);
  }
  a.grid().communicator().sum_in_place({result.data(), static_cast<std::size_t>(result.size())});
  return result;
}

Tridiagonal reduced(DistributedMatrix& a) {
  const int n = narrow<int>(a.rows());
  const auto desc = a.descriptor();
  const Index local_cols = std::max<Index>(1, a.local().cols());
  VectorD d(local_cols), e(local_cols), tau(local_cols);
  with_workspace([&](double* work, int size) {
    int info = 0;
    pdsytrd_("L", &n, a.local().data(), &kOne, &kOne, desc.data(), d.data(), e.data(), tau.data(), work, &size, &info,
             1);
    assert(info == 0);
  });
  return {replicated(a, d, n), replicated(a, e, n - 1), std::move(tau)};
}

// The k largest eigenvalues, ascending, and their vectors as rows (k×n) of the tridiagonal matrix.
void call_dstemr(Tridiagonal t, VectorD& values, MatrixD& vectors) {
  const int n = narrow<int>(t.diagonal.size()), k = narrow<int>(vectors.rows()), first = n - k + 1;
  const double unused = 0;
  int found = 0, info = 0, accurate = 1, size = 0, integers_size = 0;
  std::vector<int> support(static_cast<std::size_t>(2 * n));
  const auto call = [&](double* work, int work_size, int* integers, int integer_count) {
    LAPACK_dstemr("V", "I", &n, t.diagonal.data(), t.beside.data(), &unused, &unused, &first, &n, &found, values.data(),
                  vectors.data(), &n, &k, support.data(), &accurate, work, &work_size, integers, &integer_count, &info);
    if (info != 0) throw CallError("dstemr", fmt::format("info = {} for a tridiagonal {}×{} matrix", info, n, n));
  };
  double wanted = 0;
  call(&wanted, -1, &integers_size, -1);
  size = static_cast<int>(wanted);
  std::vector<double> work(static_cast<std::size_t>(size));
  std::vector<int> integers(static_cast<std::size_t>(integers_size));
  call(work.data(), size, integers.data(), integers_size);
  if (found != k) throw CallError("dstemr", fmt::format("{} eigenvalues of {}", found, k));
}

void require_finite(const DistributedMatrix& a) {
  bool finite = true;
  for (Index j = 0; j < a.local().cols(); ++j) {
    for (Index i = 0; i < a.local().rows(); ++i) {
      if (a.row_of(i) <= a.col_of(j)) finite = finite && std::isfinite(a.local()(i, j));
    }
  }
  if (a.grid().communicator().max(finite ? 0 : 1) > 0) throw CallError("pdsytrd", "the matrix is not finite");
}

}  // namespace

DistributedEigenvectors leading_eigenvectors(Execution& /*exec*/, DistributedMatrix a, Index k) {
  const Index n = a.rows();
  assert(a.cols() == n && 1 <= k && k <= n);
  const ProcessGrid& grid = a.grid();
  require_finite(a);
  const Tridiagonal t = reduced(a);

  VectorD ascending = VectorD::Zero(n);  // the first k, on rank 0
  MatrixD rows;                          // k×n, in the order of what is stored, on rank 0
  grid.agree([&] {
    if (!grid.is_root()) return;
    rows.resize(k, n);
    call_dstemr(t, ascending, rows);
  });
  DistributedEigenvectors leading{VectorD::Zero(k), zeros(a, n, k)};
  if (grid.is_root()) leading.values = ascending.head(k).reverse();
  grid.communicator().sum_in_place({leading.values.data(), static_cast<std::size_t>(k)});
  for (Index begin = 0; begin < n; begin += a.block()) {
    const Index end = std::min(n, begin + a.block());
    MatrixD panel;  // (end − begin)×k
    if (grid.is_root()) panel = rows.middleCols(n - end, end - begin).transpose().reverse();
    leading.vectors.set_rows(0, begin, end, panel);
  }

  const int m = narrow<int>(n), count = narrow<int>(k);
  const auto desc_a = a.descriptor(), desc_v = leading.vectors.descriptor();
  with_workspace([&](double* work, int size) {
    int info = 0;
    pdormtr_("L", "L", "N", &m, &count, a.local().data(), &kOne, &kOne, desc_a.data(), t.reflectors.data(),
             leading.vectors.local().data(), &kOne, &kOne, desc_v.data(), work, &size, &info, 1, 1, 1);
    assert(info == 0);
  });
  return leading;
}

}  // namespace lrc
