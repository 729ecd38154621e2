#include "lrc/linalg/distributed.hpp"

#include <cassert>
#include <cmath>

#include "lrc/linalg/cholesky.hpp"

// The last arguments of Fortran's own routines are the lengths of the strings; PBLAS is written in C.
extern "C" {
void pdgemm_(const char* op_a, const char* op_b, const int* m, const int* n, const int* k, const double* alpha,
             const double* a, const int* ia, const int* ja, const int* desc_a, const double* b, const int* ib,
             const int* jb, const int* desc_b, const double* beta, double* c, const int* ic, const int* jc,
             const int* desc_c);
void pdtran_(const int* m, const int* n, const double* alpha, const double* a, const int* ia, const int* ja,
             const int* desc_a, const double* beta, double* c, const int* ic, const int* jc, const int* desc_c);
void pdsyrk_(const char* uplo, const char* op, const int* n, const int* k, const double* alpha, const double* a,
             const int* ia, const int* ja, const int* desc_a, const double* beta, double* c, const int* ic,
             const int* jc, const int* desc_c);
void pdtrmm_(const char* side, const char* uplo, const char* op, const char* diagonal, const int* m, const int* n,
             const double* alpha, const double* a, const int* ia, const int* ja, const int* desc_a, double* b,
             const int* ib, const int* jb, const int* desc_b);
void pdtrsm_(const char* side, const char* uplo, const char* op, const char* diagonal, const int* m, const int* n,
             const double* alpha, const double* a, const int* ia, const int* ja, const int* desc_a, double* b,
             const int* ib, const int* jb, const int* desc_b);
void pdpotrf_(const char* uplo, const int* n, double* a, const int* ia, const int* ja, const int* desc_a, int* info,
              std::size_t uplo_length);

// PBLAS asks this for the size of the blocks it works in, whatever those of the matrices are. Its own answer, 32,
// leaves dgemm at half its speed; here it is replaced, as its source suggests.
int pilaenv_(const int* context, const char* precision);
int pilaenv_(const int* /*context*/, const char* /*precision*/) { return 128; }
}

namespace lrc {
namespace {

constexpr int kOne = 1;

const char* flag(Op op) { return op == Op::none ? "N" : "T"; }
Index rows_of(Op op, const BlockCyclic& a) { return op == Op::none ? a.rows() : a.cols(); }
Index cols_of(Op op, const BlockCyclic& a) { return op == Op::none ? a.cols() : a.rows(); }

[[maybe_unused]] bool together(const BlockCyclic& a, const BlockCyclic& b) {
  return &a.grid() == &b.grid() && a.block() == b.block();
}

void apply_lower(decltype(&pdtrsm_) routine, Op op, const BlockCyclic& l, BlockCyclic& b) {
  assert(together(l, b) && l.rows() == b.cols() && l.cols() == b.cols());
  if (b.rows() == 0 || b.cols() == 0) return;
  const int m = narrow<int>(b.rows()), n = narrow<int>(b.cols());
  const double alpha = 1;
  const auto desc_l = l.descriptor(), desc_b = b.descriptor();
  routine("R", "L", flag(op), "N", &m, &n, &alpha, l.local().data(), &kOne, &kOne, desc_l.data(), b.local().data(),
          &kOne, &kOne, desc_b.data());
}

// The first column without a positive pivot, or n: pdpotrf lets NaN pass.
Index first_bad_pivot(const BlockCyclic& l, int info) {
  const VectorD pivots = l.diagonal();
  if (info > 0) return info - 1;
  for (Index j = 0; j < pivots.size(); ++j) {
    if (!(pivots(j) > 0 && std::isfinite(pivots(j)))) return j;
  }
  return pivots.size();
}

}  // namespace

void gemm(Op op_a, Op op_b, double alpha, const BlockCyclic& a, const BlockCyclic& b, double beta, BlockCyclic& c) {
  assert(together(a, b) && together(a, c));
  assert(rows_of(op_a, a) == c.rows() && cols_of(op_b, b) == c.cols() && cols_of(op_a, a) == rows_of(op_b, b));
  if (c.rows() == 0 || c.cols() == 0) return;
  const int m = narrow<int>(c.rows()), n = narrow<int>(c.cols()), k = narrow<int>(cols_of(op_a, a));
  const auto desc_a = a.descriptor(), desc_b = b.descriptor(), desc_c = c.descriptor();
  pdgemm_(flag(op_a), flag(op_b), &m, &n, &k, &alpha, a.local().data(), &kOne, &kOne, desc_a.data(), b.local().data(),
          &kOne, &kOne, desc_b.data(), &beta, c.local().data(), &kOne, &kOne, desc_c.data());
}

BlockCyclic transposed(const BlockCyclic& a) {
  BlockCyclic result(a.grid(), a.cols(), a.rows(), a.block());
  if (a.rows() == 0 || a.cols() == 0) return result;
  const int m = narrow<int>(result.rows()), n = narrow<int>(result.cols());
  const double alpha = 1, beta = 0;
  const auto from = a.descriptor(), to = result.descriptor();
  pdtran_(&m, &n, &alpha, a.local().data(), &kOne, &kOne, from.data(), &beta, result.local().data(), &kOne, &kOne,
          to.data());
  return result;
}

void add_symmetric_product(Op op, double alpha, const BlockCyclic& a, double beta, BlockCyclic& c) {
  assert(together(a, c) && rows_of(op, a) == c.rows() && c.rows() == c.cols());
  if (c.rows() == 0) return;
  const int n = narrow<int>(c.rows()), k = narrow<int>(cols_of(op, a));
  const auto desc_a = a.descriptor(), desc_c = c.descriptor();
  pdsyrk_("L", flag(op), &n, &k, &alpha, a.local().data(), &kOne, &kOne, desc_a.data(), &beta, c.local().data(), &kOne,
          &kOne, desc_c.data());
}

void cholesky(BlockCyclic& a) {
  assert(a.rows() == a.cols());
  const int n = narrow<int>(a.rows());
  const auto desc = a.descriptor();
  int info = 0;
  pdpotrf_("L", &n, a.local().data(), &kOne, &kOne, desc.data(), &info, 1);
  assert(info >= 0);
  // All ranks must throw the same: the largest info stands for those that didn't hear of the failure.
  const Index bad = first_bad_pivot(a, narrow<int>(static_cast<Index>(a.grid().communicator().max(info))));
  if (bad < a.rows()) throw CholeskyFailure(bad);
}

void multiply_lower(Op op, const BlockCyclic& l, BlockCyclic& b) { apply_lower(pdtrmm_, op, l, b); }

void divide_lower(Op op, const BlockCyclic& l, BlockCyclic& b) { apply_lower(pdtrsm_, op, l, b); }

VectorD row_products(const BlockCyclic& a, const BlockCyclic& b) {
  assert(together(a, b) && a.rows() == b.rows() && a.cols() == b.cols());
  // A row's part on each column of the grid, added in their order, so that all ranks have the same bits.
  MatrixD parts = MatrixD::Zero(a.grid().shape().cols, a.rows());
  for (Index j = 0; j < a.local().cols(); ++j) {
    for (Index i = 0; i < a.local().rows(); ++i)
      parts(a.grid().col(), a.global_row(i)) += a.local()(i, j) * b.local()(i, j);
  }
  a.grid().communicator().sum_in_place(std::span(parts.data(), static_cast<std::size_t>(parts.size())));
  VectorD sums = VectorD::Zero(a.rows());
  for (Index part = 0; part < parts.rows(); ++part) sums += parts.row(part).transpose();
  return sums;
}

}  // namespace lrc
