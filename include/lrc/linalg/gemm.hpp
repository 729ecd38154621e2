// Matrix products by BLAS, cut into fixed tiles: the same shapes give the same bits on any number of threads.
// BLAS itself runs with one thread (single_threaded_blas); the tiles are what runs in parallel.
#pragma once

#include <string>

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// To be called once at the start of a program: BLAS must not start threads of its own.
void single_threaded_blas();

/// The name of the BLAS and of the kernel set it chose for this processor. Other kernels give other last bits.
std::string blas_description();

enum class Op { none, transpose };

/// c (m×n) = alpha · op(a) (m×k) · op(b) (k×n) + beta · c.
/// Preconditions: the sizes fit; each size and row distance fits 32 bits (else Error). Empty products are allowed.
void gemm(Execution& exec, Op op_a, Op op_b, float alpha, const ConstViewF& a, const ConstViewF& b, float beta,
          ViewF c);
void gemm(Execution& exec, Op op_a, Op op_b, double alpha, const ConstViewD& a, const ConstViewD& b, double beta,
          ViewD c);

/// op(a) · op(b) as a new matrix.
MatrixD product(Execution& exec, const ConstViewD& a, const ConstViewD& b, Op op_a = Op::none, Op op_b = Op::none);

/// The symmetric product a · op(b) of which only the lower triangle is computed, then mirrored: half the operations.
/// Precondition: a·op(b) is symmetric in exact arithmetic.
MatrixD symmetric_product(Execution& exec, const ConstViewD& a, const ConstViewD& b, Op op_a = Op::none,
                          Op op_b = Op::none);

}  // namespace lrc
