#include "lrc/linalg/gemm.hpp"

#include <cblas.h>
#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <new>

namespace lrc {
namespace {

// Large enough that packing a tile's operands is a few percent of its product, small enough that two cores find work
// in the products of a small model.
constexpr Index kTile = 512;

CBLAS_TRANSPOSE flag(Op op) { return op == Op::none ? CblasNoTrans : CblasTrans; }

void blas_gemm(CBLAS_TRANSPOSE op_a, CBLAS_TRANSPOSE op_b, int m, int n, int k, float alpha, const float* a, int lda,
               const float* b, int ldb, float beta, float* c, int ldc) {
  cblas_sgemm(CblasRowMajor, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void blas_gemm(CBLAS_TRANSPOSE op_a, CBLAS_TRANSPOSE op_b, int m, int n, int k, double alpha, const double* a, int lda,
               const double* b, int ldb, double beta, double* c, int ldc) {
  cblas_dgemm(CblasRowMajor, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

template <class ConstView>
Index rows_of(Op op, const ConstView& a) {
  return op == Op::none ? a.rows() : a.cols();
}
template <class ConstView>
Index cols_of(Op op, const ConstView& a) {
  return op == Op::none ? a.cols() : a.rows();
}

// The part of op(a) that starts at row `row` of op(a).
template <class ConstView>
const auto* from_row(Op op, const ConstView& a, Index row) {
  return a.data() + (op == Op::none ? row * a.outerStride() : row);
}
template <class ConstView>
const auto* from_col(Op op, const ConstView& a, Index col) {
  return a.data() + (op == Op::none ? col : col * a.outerStride());
}

enum class Tiles { all, lower };

// OpenBLAS tries for ever to map the buffer that it has for every thread: so it is only asked where there is room.
void require_blas_buffer() {
  constexpr std::size_t kBuffer = std::size_t{160} << 20;
  void* room = ::mmap(nullptr, kBuffer, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  ::munmap(room, kBuffer);
}

template <class Scalar, class ConstView, class View>
void tiled_gemm(Execution& exec, Tiles tiles, Op op_a, Op op_b, Scalar alpha, const ConstView& a, const ConstView& b,
                Scalar beta, View& c) {
  const Index m = c.rows(), n = c.cols(), k = cols_of(op_a, a);
  assert(rows_of(op_a, a) == m && cols_of(op_b, b) == n && rows_of(op_b, b) == k);
  if (m == 0 || n == 0) return;
  const int lda = narrow<int>(std::max<Index>(1, a.outerStride())),
            ldb = narrow<int>(std::max<Index>(1, b.outerStride()));
  const int ldc = narrow<int>(c.outerStride()), depth = narrow<int>(k);
  const Index height = even_tile(m, kTile), width = even_tile(n, kTile), columns = ceil_div(n, width);
  exec.for_each(ceil_div(m, height) * columns, [&](Index tile) {
    const Index row = tile / columns * height, col = tile % columns * width;
    if (tiles == Tiles::lower && col > row) return;
    thread_local bool has_buffer = false;
    if (!has_buffer) require_blas_buffer();
    has_buffer = true;
    blas_gemm(flag(op_a), flag(op_b), narrow<int>(std::min(height, m - row)), narrow<int>(std::min(width, n - col)),
              depth, alpha, from_row(op_a, a, row), lda, from_col(op_b, b, col), ldb, beta,
              c.data() + row * c.outerStride() + col, ldc);
  });
}

}  // namespace

void single_threaded_blas() { openblas_set_num_threads(1); }

std::string blas_description() { return fmt::format("{} / {}", openblas_get_config(), openblas_get_corename()); }

void gemm(Execution& exec, Op op_a, Op op_b, float alpha, const ConstViewF& a, const ConstViewF& b, float beta,
          ViewF c) {
  tiled_gemm(exec, Tiles::all, op_a, op_b, alpha, a, b, beta, c);
}

void gemm(Execution& exec, Op op_a, Op op_b, double alpha, const ConstViewD& a, const ConstViewD& b, double beta,
          ViewD c) {
  tiled_gemm(exec, Tiles::all, op_a, op_b, alpha, a, b, beta, c);
}

MatrixD product(Execution& exec, const ConstViewD& a, const ConstViewD& b, Op op_a, Op op_b) {
  MatrixD c(rows_of(op_a, a), cols_of(op_b, b));
  gemm(exec, op_a, op_b, 1.0, a, b, 0.0, c);
  return c;
}

MatrixD symmetric_product(Execution& exec, const ConstViewD& a, const ConstViewD& b, Op op_a, Op op_b) {
  MatrixD c(rows_of(op_a, a), cols_of(op_b, b));
  assert(c.rows() == c.cols());
  tiled_gemm(exec, Tiles::lower, op_a, op_b, 1.0, a, b, 0.0, c);
  c.triangularView<Eigen::StrictlyUpper>() = c.transpose().triangularView<Eigen::StrictlyUpper>();
  return c;
}

}  // namespace lrc
