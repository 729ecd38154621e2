// DistributedMatrix, spread over the ranks of a team, as a kind of matrix that a solve is written for
// (matrix_kinds.hpp): by ScaLAPACK. All functions are collective, take matrices of one grid and one block size
// (asserted), and throw on all ranks or on none. Matrices have fewer than 2^31 rows and columns (else Error). The same
// shapes on the same grid give the same bits. ScaLAPACK computes with one thread a rank; `exec` is this rank's.
#pragma once

#include <span>

#include "lrc/linalg/distributed_matrix.hpp"
#include "lrc/linalg/gemm.hpp"

namespace lrc {

/// rows×cols zeros on the grid of `like`.
DistributedMatrix zeros(const DistributedMatrix& like, Index rows, Index cols);

/// aᵀ (n×m) of a (m×n).
DistributedMatrix transposed(Execution& exec, const DistributedMatrix& a);

/// c (m×n) = alpha · op(a) (m×k) · op(b) (k×n) + beta · c. Precondition: the sizes fit.
void gemm(Execution& exec, Op op_a, Op op_b, double alpha, const DistributedMatrix& a, const DistributedMatrix& b,
          double beta, DistributedMatrix& c);

/// op(a) · op(b) as a new matrix.
DistributedMatrix product(Execution& exec, const DistributedMatrix& a, const DistributedMatrix& b, Op op_a = Op::none,
                          Op op_b = Op::none);

/// The same, of which, where `a` and `b` are one matrix, only the upper triangle is computed, with half the operations;
/// what is below is zero then. Precondition: op(a)·op(b) is symmetric in exact arithmetic.
DistributedMatrix symmetric_product(Execution& exec, const DistributedMatrix& a, const DistributedMatrix& b,
                                    Op op_a = Op::none, Op op_b = Op::none);

/// The upper triangle of a · bᵀ + b · aᵀ (m×m) of a, b (m×n); what is below is zero.
DistributedMatrix symmetric_sum(Execution& exec, const DistributedMatrix& a, const DistributedMatrix& b);

/// What is above the diagonal of a (n×n) becomes what is below it.
void mirror_lower(Execution& exec, DistributedMatrix& a);

/// As those of dense.hpp, elementwise.
void add(Execution& exec, double alpha, const DistributedMatrix& a, DistributedMatrix& c);
void scale(Execution& exec, double alpha, DistributedMatrix& c);
void scale_rows(Execution& exec, const VectorD& scales, DistributedMatrix& c);
void scale_columns(Execution& exec, const VectorD& scales, DistributedMatrix& c);
void divide_columns(Execution& exec, const VectorD& divisors, DistributedMatrix& c);
void set_diagonal(Execution& exec, const VectorD& values, DistributedMatrix& c);

/// a (n×n, symmetric) becomes its upper triangular R with a = R Rᵀ; what is below the diagonal is arbitrary. Only the
/// upper triangle of `a` is read. Throws CholeskyFailure, which leaves `a` in pieces.
void upper_cholesky(Execution& exec, DistributedMatrix& a);

/// b (m×n) becomes b · op(T), T (n×n) being the upper triangle of `t`; what is below the diagonal is not read.
void multiply_upper(Execution& exec, Op op, const DistributedMatrix& t, DistributedMatrix& b);

/// b (m×n) becomes b · op(T)⁻¹, T (n×n) being the upper triangle of `t`. Precondition: no zero on its diagonal.
void divide_upper(Execution& exec, Op op, const DistributedMatrix& t, DistributedMatrix& b);

struct DistributedEigenvectors {
  VectorD values;             ///< k, descending, on every rank
  DistributedMatrix vectors;  ///< n×k, orthonormal columns; their signs are arbitrary
};

/// The k largest eigenvalues of `a` (n×n, symmetric; its upper triangle is read) and their eigenvectors. `a` is used
/// up: move it in. Precondition: 1 ≤ k ≤ n. Reduced to tridiagonal form by pdsytrd; the k vectors of that are found on
/// rank 0 by dstemr (n·k doubles), and turned back by pdormtr. Of ScaLAPACK's own drivers, pdsyevd makes all n vectors,
/// and pdsyevx may lose orthogonality in clusters. Throws CallError or AgreedError where `a` is not finite or dstemr
/// fails.
DistributedEigenvectors leading_eigenvectors(Execution& exec, DistributedMatrix a, Index k);

/// As those of dense.hpp, on every rank; sums are in an order that the shapes fix.
VectorD row_products(Execution& exec, const DistributedMatrix& a, const DistributedMatrix& b);
VectorD column_squares(Execution& exec, const DistributedMatrix& a);
VectorD column_maxima(const DistributedMatrix& a);
bool is_finite(const DistributedMatrix& a);

/// The rows of a matrix of `rows` rows that are a rank's own: ceil(rows / ranks), of the last ones fewer or none.
struct OwnRows {
  Index begin, end;
};
OwnRows own_rows_of(int rank, int ranks, Index rows);

/// This rank's own rows of a (m×n), whole.
MatrixD own_rows(const DistributedMatrix& a);

/// The inverse, of numbers rounded to float: rows×own.cols(), on the grid of `like`.
DistributedMatrix from_own_rows(const DistributedMatrix& like, Index rows, const MatrixF& own);

/// visit(panel) on every rank for the rows of t (n×n), up to 256 at a time: each panel from the column of its first
/// row's diagonal element on; what is below the diagonal is arbitrary.
void for_each_panel(const DistributedMatrix& t, const std::function<void(const MatrixD& panel)>& visit);

/// The own rows of all ranks, one below the other, on rank 0; elsewhere none. Precondition: all have as many columns.
template <class Rows>
Rows gathered_rows(const DistributedMatrix& like, const Rows& own) {
  const ProcessGrid& grid = like.grid();
  const Index count = grid.communicator().sum(own.rows());
  Rows all;
  all.resize(grid.is_root() ? count : 0, own.cols());
  grid.gather(std::as_bytes(std::span(own.data(), static_cast<std::size_t>(own.size()))),
              std::as_writable_bytes(std::span(all.data(), static_cast<std::size_t>(all.size()))));
  return all;
}

/// See Communicator::agree.
inline void agree(const DistributedMatrix& like, const std::function<void()>& step) { like.grid().agree(step); }

}  // namespace lrc
