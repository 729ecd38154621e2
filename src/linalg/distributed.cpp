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
void pdsyr2k_(const char* uplo, const char* op, const int* n, const int* k, const double* alpha, const double* a,
              const int* ia, const int* ja, const int* desc_a, const double* b, const int* ib, const int* jb,
              const int* desc_b, const double* beta, double* c, const int* ic, const int* jc, const int* desc_c);
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
Index rows_of(Op op, const DistributedMatrix& a) { return op == Op::none ? a.rows() : a.cols(); }
Index cols_of(Op op, const DistributedMatrix& a) { return op == Op::none ? a.cols() : a.rows(); }

[[maybe_unused]] bool together(const DistributedMatrix& a, const DistributedMatrix& b) {
  return &a.grid() == &b.grid() && a.block() == b.block();
}

// The upper triangle is the lower one of what is stored, in reverse order.
constexpr const char* kUpper = "L";

void apply_upper(decltype(&pdtrsm_) routine, Op op, const DistributedMatrix& t, DistributedMatrix& b) {
  assert(together(t, b) && t.rows() == b.cols() && t.cols() == b.cols());
  if (b.rows() == 0 || b.cols() == 0) return;
  const int m = narrow<int>(b.rows()), n = narrow<int>(b.cols());
  const double alpha = 1;
  const auto desc_t = t.descriptor(), desc_b = b.descriptor();
  routine("R", kUpper, flag(op), "N", &m, &n, &alpha, t.local().data(), &kOne, &kOne, desc_t.data(), b.local().data(),
          &kOne, &kOne, desc_b.data());
}

// The first column in the order of the factorization, from the last on, without a positive pivot, or −1: pdpotrf lets
// NaN pass.
Index first_bad_pivot(const DistributedMatrix& r, Index info) {
  const VectorD pivots = r.diagonal();
  if (info > 0) return r.rows() - info;
  for (Index j = pivots.size(); j-- > 0;) {
    if (!(pivots(j) > 0 && std::isfinite(pivots(j)))) return j;
  }
  return -1;
}

}  // namespace

DistributedMatrix zeros(const DistributedMatrix& like, Index rows, Index cols) {
  return DistributedMatrix(like.grid(), rows, cols, like.block());
}

DistributedMatrix transposed(Execution& /*exec*/, const DistributedMatrix& a) {
  DistributedMatrix result = zeros(a, a.cols(), a.rows());
  if (a.rows() == 0 || a.cols() == 0) return result;
  const int m = narrow<int>(result.rows()), n = narrow<int>(result.cols());
  const double alpha = 1, beta = 0;
  const auto from = a.descriptor(), to = result.descriptor();
  pdtran_(&m, &n, &alpha, a.local().data(), &kOne, &kOne, from.data(), &beta, result.local().data(), &kOne, &kOne,
          to.data());
  return result;
}

void gemm(Execution& /*exec*/, Op op_a, Op op_b, double alpha, const DistributedMatrix& a, const DistributedMatrix& b,
          double beta, DistributedMatrix& c) {
  assert(together(a, b) && together(a, c));
  assert(rows_of(op_a, a) == c.rows() && cols_of(op_b, b) == c.cols() && cols_of(op_a, a) == rows_of(op_b, b));
  if (c.rows() == 0 || c.cols() == 0) return;
  const int m = narrow<int>(c.rows()), n = narrow<int>(c.cols()), k = narrow<int>(cols_of(op_a, a));
  if (k == 0) {
    c.local() *= beta;
    return;
  }
  const auto desc_a = a.descriptor(), desc_b = b.descriptor(), desc_c = c.descriptor();
  pdgemm_(flag(op_a), flag(op_b), &m, &n, &k, &alpha, a.local().data(), &kOne, &kOne, desc_a.data(), b.local().data(),
          &kOne, &kOne, desc_b.data(), &beta, c.local().data(), &kOne, &kOne, desc_c.data());
}

DistributedMatrix product(Execution& exec, const DistributedMatrix& a, const DistributedMatrix& b, Op op_a, Op op_b) {
  DistributedMatrix c = zeros(a, rows_of(op_a, a), cols_of(op_b, b));
  gemm(exec, op_a, op_b, 1.0, a, b, 0.0, c);
  return c;
}

DistributedMatrix symmetric_product(Execution& exec, const DistributedMatrix& a, const DistributedMatrix& b, Op op_a,
                                    Op op_b) {
  if (&a != &b) return product(exec, a, b, op_a, op_b);
  assert(op_a != op_b);
  DistributedMatrix c = zeros(a, rows_of(op_a, a), rows_of(op_a, a));
  if (a.rows() == 0 || a.cols() == 0) return c;
  const int n = narrow<int>(c.rows()), k = narrow<int>(cols_of(op_a, a));
  const double alpha = 1, beta = 0;
  const auto desc_a = a.descriptor(), desc_c = c.descriptor();
  pdsyrk_(kUpper, flag(op_a), &n, &k, &alpha, a.local().data(), &kOne, &kOne, desc_a.data(), &beta, c.local().data(),
          &kOne, &kOne, desc_c.data());
  return c;
}

DistributedMatrix symmetric_sum(Execution& /*exec*/, const DistributedMatrix& a, const DistributedMatrix& b) {
  assert(together(a, b) && a.rows() == b.rows() && a.cols() == b.cols());
  DistributedMatrix c = zeros(a, a.rows(), a.rows());
  if (a.rows() == 0 || a.cols() == 0) return c;
  const int n = narrow<int>(a.rows()), k = narrow<int>(a.cols());
  const double alpha = 1, beta = 0;
  const auto desc_a = a.descriptor(), desc_b = b.descriptor(), desc_c = c.descriptor();
  pdsyr2k_(kUpper, flag(Op::none), &n, &k, &alpha, a.local().data(), &kOne, &kOne, desc_a.data(), b.local().data(),
           &kOne, &kOne, desc_b.data(), &beta, c.local().data(), &kOne, &kOne, desc_c.data());
  return c;
}

void mirror_lower(Execution& exec, DistributedMatrix& a) {
  const DistributedMatrix upper = transposed(exec, a);
  for (Index j = 0; j < a.local().cols(); ++j) {
    for (Index i = 0; i < a.local().rows(); ++i) {
      if (a.col_of(j) > a.row_of(i)) a.local()(i, j) = upper.local()(i, j);
    }
  }
}

void add(Execution& /*exec*/, double alpha, const DistributedMatrix& a, DistributedMatrix& c) {
  assert(together(a, c) && a.rows() == c.rows() && a.cols() == c.cols());
  c.local() += alpha * a.local();
}

void scale(Execution& /*exec*/, double alpha, DistributedMatrix& c) { c.local() *= alpha; }

void scale_rows(Execution& /*exec*/, const VectorD& scales, DistributedMatrix& c) {
  assert(scales.size() == c.rows());
  for (Index i = 0; i < c.local().rows(); ++i) c.local().row(i) *= scales(c.row_of(i));
}

void scale_columns(Execution& /*exec*/, const VectorD& scales, DistributedMatrix& c) {
  assert(scales.size() == c.cols());
  for (Index j = 0; j < c.local().cols(); ++j) {
    const double scale = scales(c.col_of(j));
    if (scale == 0) c.local().col(j).setZero();
    c.local().col(j) *= scale;
  }
}

void divide_columns(Execution& /*exec*/, const VectorD& divisors, DistributedMatrix& c) {
  assert(divisors.size() == c.cols());
  for (Index j = 0; j < c.local().cols(); ++j) c.local().col(j) /= divisors(c.col_of(j));
}

void set_diagonal(Execution& /*exec*/, const VectorD& values, DistributedMatrix& c) {
  assert(values.size() == c.rows());
  c.for_each_diagonal([&](Index i, Index row, Index col) { c.local()(row, col) = values(i); });
}

void upper_cholesky(Execution& /*exec*/, DistributedMatrix& a) {
  assert(a.rows() == a.cols());
  if (a.rows() == 0) return;
  const int n = narrow<int>(a.rows());
  const auto desc = a.descriptor();
  int info = 0;
  pdpotrf_(kUpper, &n, a.local().data(), &kOne, &kOne, desc.data(), &info, 1);
  assert(info >= 0);
  // All ranks must throw the same: the largest info stands for those that didn't hear of the failure.
  const Index bad = first_bad_pivot(a, static_cast<Index>(a.grid().communicator().max(info)));
  if (bad >= 0) throw CholeskyFailure(bad);
}

void multiply_upper(Execution& /*exec*/, Op op, const DistributedMatrix& t, DistributedMatrix& b) {
  apply_upper(pdtrmm_, op, t, b);
}

void divide_upper(Execution& /*exec*/, Op op, const DistributedMatrix& t, DistributedMatrix& b) {
  apply_upper(pdtrsm_, op, t, b);
}

bool is_finite(const DistributedMatrix& a) { return a.grid().communicator().max(a.local().allFinite() ? 0 : 1) == 0; }

}  // namespace lrc
