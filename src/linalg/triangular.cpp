#include "lrc/linalg/triangular.hpp"

#include <cblas.h>

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// Rows at a time: enough that BLAS reads the triangle seldom, few enough that there are tiles for many threads.
constexpr Index kRows = 512;

CBLAS_TRANSPOSE flag(Op op) { return op == Op::none ? CblasNoTrans : CblasTrans; }

using Routine = decltype(&cblas_dtrsm);

void apply_upper(Execution& exec, Routine routine, Op op, const ConstViewD& t, ViewD& b) {
  const Index m = b.rows(), n = b.cols();
  assert(t.rows() == n && t.cols() == n);
  if (m == 0 || n == 0) return;
  const int cols = narrow<int>(n), t_distance = narrow<int>(t.outerStride()), b_distance = narrow<int>(b.outerStride());
  exec.for_each(ceil_div(m, kRows), [&](Index tile) {
    const Index row = tile * kRows;
    routine(CblasRowMajor, CblasRight, CblasUpper, flag(op), CblasNonUnit, narrow<int>(std::min(kRows, m - row)), cols,
            1.0, t.data(), t_distance, b.data() + row * b.outerStride(), b_distance);
  });
}

}  // namespace

void multiply_upper(Execution& exec, Op op, const ConstViewD& t, ViewD b) { apply_upper(exec, cblas_dtrmm, op, t, b); }

void divide_upper(Execution& exec, Op op, const ConstViewD& t, ViewD b) { apply_upper(exec, cblas_dtrsm, op, t, b); }

}  // namespace lrc
