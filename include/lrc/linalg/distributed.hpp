// Products, factorizations and eigenvectors of block-cyclic matrices, by ScaLAPACK. All are collective, take matrices
// of one grid and one block size (asserted), and throw on all ranks or on none. Matrices have fewer than 2^31 rows and
// columns (else Error). The same shapes on the same grid give the same bits.
#pragma once

#include "lrc/linalg/block_cyclic.hpp"
#include "lrc/linalg/gemm.hpp"

namespace lrc {

/// c (m×n) = alpha · op(a) (m×k) · op(b) (k×n) + beta · c. Precondition: the sizes fit.
void gemm(Op op_a, Op op_b, double alpha, const BlockCyclic& a, const BlockCyclic& b, double beta, BlockCyclic& c);

/// The lower triangle of c (n×n) becomes that of alpha · op(a) · op(a)ᵀ + beta · c; the rest is left as it is.
/// Precondition: op(a) has n rows.
void add_symmetric_product(Op op, double alpha, const BlockCyclic& a, double beta, BlockCyclic& c);

/// a (n×n, symmetric; its lower triangle is read) becomes its lower triangular L with a = L Lᵀ (pdpotrf); what is above
/// the diagonal is left as it is. Throws CholeskyFailure, which leaves `a` in pieces.
void cholesky(BlockCyclic& a);

/// b (m×n) becomes b · op(L), L (n×n) being the lower triangle of `l`; what is above the diagonal is not read.
void multiply_lower(Op op, const BlockCyclic& l, BlockCyclic& b);

/// b (m×n) becomes b · op(L)⁻¹, L (n×n) being the lower triangle of `l`. Precondition: no zero on its diagonal.
void divide_lower(Op op, const BlockCyclic& l, BlockCyclic& b);

/// Σ_j a_ij b_ij of each row i, on every rank, in an order that the shapes fix. Precondition: equal shapes.
VectorD row_products(const BlockCyclic& a, const BlockCyclic& b);

/// aᵀ (n×m) of a (m×n).
BlockCyclic transposed(const BlockCyclic& a);

struct DistributedEigenvectors {
  VectorD values;       ///< k, descending, on every rank
  BlockCyclic vectors;  ///< n×k, orthonormal columns; their signs are arbitrary
};

/// The k largest eigenvalues of `a` (n×n, symmetric; its lower triangle is read) and their eigenvectors. `a` is used
/// up: move it in. Precondition: 1 ≤ k ≤ n. Reduced to tridiagonal form by pdsytrd; the k vectors of that are found on
/// rank 0 by dstemr (n·k doubles), and turned back by pdormtr. Of ScaLAPACK's own drivers, pdsyevd makes all n vectors,
/// and pdsyevx may lose orthogonality in clusters. Throws CallError or AgreedError where `a` is not finite or dstemr
/// fails.
DistributedEigenvectors leading_eigenvectors(BlockCyclic a, Index k);

}  // namespace lrc
