// MatrixD, whole on one rank, as a kind of matrix that a solve is written for (matrix_kinds.hpp): its products,
// factorizations and eigenvectors are in the headers included here, the rest of the list below.
#pragma once

#include <functional>

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/eigen.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/linalg/triangular.hpp"

namespace lrc {

/// rows×cols zeros.
MatrixD zeros(const MatrixD& like, Index rows, Index cols);

/// aᵀ (n×m) of a (m×n).
MatrixD transposed(Execution& exec, const MatrixD& a);

/// a · bᵀ + b · aᵀ (m×m) of a, b (m×n).
MatrixD symmetric_sum(Execution& exec, const MatrixD& a, const MatrixD& b);

/// c (m×n) becomes c + alpha · a.
void add(Execution& exec, double alpha, const MatrixD& a, MatrixD& c);

/// c (m×n) becomes alpha · c.
void scale(Execution& exec, double alpha, MatrixD& c);

/// Row i of c (m×n) becomes scales(i) (m) times it.
void scale_rows(Execution& exec, const VectorD& scales, MatrixD& c);

/// Column j of c (m×n) becomes scales(j) (n) times it, zeros for 0.
void scale_columns(Execution& exec, const VectorD& scales, MatrixD& c);

/// Column j of c (m×n) becomes itself over divisors(j) (n).
void divide_columns(Execution& exec, const VectorD& divisors, MatrixD& c);

/// The diagonal of c (n×n) becomes `values` (n).
void set_diagonal(Execution& exec, const VectorD& values, MatrixD& c);

/// Σ_j a_ij b_ij of each row i (m), in an order that does not depend on where the matrices lie. Precondition: equal
/// shapes.
VectorD row_products(Execution& exec, const MatrixD& a, const MatrixD& b);

/// Σ_i a_ij² of each column j (n), in the order of the rows.
VectorD column_squares(Execution& exec, const MatrixD& a);

/// The largest |a_ij| of each column j (n), 0 without rows; infinite where an element is not a number.
VectorD column_maxima(const MatrixD& a);

bool is_finite(const MatrixD& a);

inline const MatrixD& own_rows(const MatrixD& a) { return a; }

/// `own` (rows×any) as doubles.
MatrixD from_own_rows(const MatrixD& like, Index rows, const MatrixF& own);

/// visit(t): one panel.
void for_each_panel(const MatrixD& t, const std::function<void(const MatrixD& panel)>& visit);

template <class Rows>
Rows gathered_rows(const MatrixD& /*like*/, Rows own) {
  return own;
}

inline void agree(const MatrixD& /*like*/, const std::function<void()>& step) { step(); }

}  // namespace lrc
