// The leading part of the spectrum of a symmetric matrix, by LAPACK.
#pragma once

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

struct LeadingEigenvectors {
  VectorD values;   ///< k, descending
  MatrixD vectors;  ///< n×k, orthonormal columns; the entry of largest magnitude of each is positive
};

/// The k largest eigenvalues of `a` (n×n, symmetric; its lower triangle is read) and their eigenvectors. `a` is used
/// up: move it in. Precondition: 0 ≤ k ≤ n. One thread: dsyevr's reduction to tridiagonal form runs inside LAPACK.
/// Throws CallError where the iteration of dsyevr fails (a matrix that is not finite).
LeadingEigenvectors leading_eigenvectors(Execution& exec, MatrixD a, Index k);

}  // namespace lrc
