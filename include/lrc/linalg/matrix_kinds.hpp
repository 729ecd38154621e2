// The kinds of matrices that a solve is written for (src/quantization), once for all of them: MatrixD, whole on a rank
// (dense.hpp), and DistributedMatrix, spread over the ranks of a team (distributed.hpp). A further kind, on a device
// say, offers what is listed here, as overloads of the same names; the templates of src/quantization are then
// instantiated for it at the end of their files, too.
//
// A kind is a type `Matrix` that can be made empty, copied and moved, with rows(), cols() and, of a square one,
// diagonal(), which every rank has and which can be assigned to a VectorD. Its elements are doubles. All functions are
// collective: all ranks of a team call them with the same arguments, and throw together or not at all. Small results
// (diagonals, a number a row or column, eigenvalues) are whole on every rank, with the same bits.
//
//   Making            zeros(like, rows, cols)                   of the kind of `like`, on the same ranks
//                     transposed(exec, a)
//                     product(exec, a, b, op_a, op_b)           op(a) · op(b)
//                     symmetric_product(exec, a, b, op_a, op_b) the same, known to be symmetric: its upper triangle
//                     symmetric_sum(exec, a, b)                 a bᵀ + b aᵀ: its upper triangle
//   In place          gemm(exec, op_a, op_b, alpha, a, b, beta, c)   c = alpha · op(a) · op(b) + beta · c
//                     add(exec, alpha, a, c)                    c + alpha · a
//                     scale(exec, alpha, c)                     alpha · c
//                     scale_rows(exec, scales, c)               row i times scales(i)
//                     scale_columns(exec, scales, c)            column j times scales(j)
//                     divide_columns(exec, divisors, c)         column j over divisors(j)
//                     set_diagonal(exec, values, c)
//   Triangles         upper_cholesky(exec, a)                   a = R Rᵀ (its upper triangle) becomes R; throws
//                                                               CholeskyFailure
//                     multiply_upper(exec, op, t, b)            b becomes b · op(T), T the upper triangle of t
//                     divide_upper(exec, op, t, b)              b becomes b · op(T)⁻¹
//   Spectrum          leading_eigenvectors(exec, a, k)          {values, vectors}: the k largest, descending, of
//                                                               what symmetric_product gives
//   Small results     row_products(exec, a, b)                  Σ_j a_ij b_ij of each row
//                     column_squares(exec, a)                   Σ_i a_ij² of each column
//                     column_maxima(a)                          the largest |a_ij| of each column
//                     is_finite(a)
//
// Weights are rounded, and factors stored, row by row. So each rank has some rows as its own, one after the other in
// the order of the ranks, whole and in plain matrices of Eigen; where there is one rank, it has all.
//
//   Rows              own_rows(a)                               this rank's rows: a MatrixD, or a reference to one
//                     from_own_rows(like, rows, own)            the rows×any matrix of which `own` are this rank's rows
//                     for_each_panel(t, visit)                  visit(panel) for panels of rows of a triangle, from the
//                                                               diagonal of their first one on, on every rank
//                     gathered_rows(like, own)                  the rows of all ranks, on the team's first; else none
//                     agree(like, step)                         step(), not collective: an error on one rank is thrown
//                                                               on all
#pragma once

#include "lrc/linalg/dense.hpp"
#include "lrc/linalg/distributed.hpp"

namespace lrc {

/// Adds `value` to the diagonal of c (n×n).
template <class Matrix>
void add_to_diagonal(Execution& exec, double value, Matrix& c) {
  VectorD diagonal = c.diagonal();  // n
  diagonal.array() += value;
  set_diagonal(exec, diagonal, c);
}

}  // namespace lrc
