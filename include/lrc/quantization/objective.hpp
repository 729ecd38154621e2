// The loss that all methods are measured by (method.md, "Objective"), from the undamped moments alone.
#pragma once

#include "lrc/linalg/gemm.hpp"
#include "lrc/linalg/moments.hpp"

namespace lrc {

/// ‖W X − Ŵ Y − U Vᵀ X‖² / ‖W X‖² as [tr(R Sx Rᵀ) − 2 tr(R Sxy Ŵᵀ) + tr(Ŵ Sy Ŵᵀ)] / tr(W Sx Wᵀ), R = W − U Vᵀ.
/// weight, quantized: d_out×d_in; u: d_out×k; v: d_in×k. 0 where the denominator is 0.
double relative_loss(ThreadPool& pool, const MatrixD& weight, const MatrixF& quantized, const MatrixF& u,
                     const MatrixF& v, const Moments& moments);

/// tr(A S Aᵀ) for symmetric `s` (n×n, upper triangle read) and `a` (m×n), summed in a fixed order.
double quadratic_form(ThreadPool& pool, const MatrixD& a, const MatrixD& s);

}  // namespace lrc
