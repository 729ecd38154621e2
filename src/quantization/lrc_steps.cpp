#include "lrc/quantization/lrc_steps.hpp"

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/gptq.hpp"

namespace lrc {
namespace {

constexpr double kShareOfDamping = 1e-2;

}  // namespace

MatrixD damped_factor(ThreadPool& pool, const MatrixD& moments, double damping) {
  return raised_factor(pool, moments, damping_term(moments, damping));
}

MatrixD raised_factor(ThreadPool& pool, const MatrixD& moments, double lambda) {
  MatrixD factor = moments;
  factor.diagonal().array() += lambda;
  upper_cholesky(pool, factor);
  return factor;
}

MatrixD relaxed_factor(ThreadPool& pool, const Moments& moments, const MatrixD& yy_factor, double lambda) {
  MatrixD s;
  {
    MatrixD z = moments.xy;  // Sxy Ry⁻ᵀ, so that Sxy Sy⁻¹ Sxyᵀ = Z Zᵀ
    z.diagonal().array() += lambda;
    divide_upper(pool, Op::transpose, yy_factor, z);
    s = symmetric_product(pool, z, z, Op::none, Op::transpose);
  }
  s = moments.xx - s;
  s.diagonal().array() += (1 + kShareOfDamping) * lambda;
  upper_cholesky(pool, s);
  return s;
}

LowRank initial_correction(ThreadPool& pool, const MatrixD& weight, const Moments& moments, const MatrixD& yy_factor,
                           double lambda, Index k) {
  if (k == 0) return {MatrixD(weight.rows(), 0), MatrixD(weight.cols(), 0)};
  const MatrixD factor = relaxed_factor(pool, moments, yy_factor, lambda);
  MatrixD scaled = weight;
  multiply_upper(pool, Op::none, factor, scaled);
  return best_low_rank(pool, scaled, factor, k);
}

MatrixD quantize_target(ThreadPool& pool, const MatrixD& weight, const LowRank& correction, const Moments& moments,
                        const MatrixD& yy_factor, double lambda) {
  const MatrixD rest = without(pool, weight, correction);
  MatrixD target = rest;
  gemm(pool, Op::none, Op::none, 1.0, rest, moments.xy, lambda, target);
  divide_upper(pool, Op::transpose, yy_factor, target);
  divide_upper(pool, Op::none, yy_factor, target);
  return target;
}

LowRank refitted_correction(ThreadPool& pool, const MatrixD& weight, const MatrixF& quantized, const Moments& moments,
                            const MatrixD& xx_factor, double lambda, Index k) {
  if (k == 0) return {MatrixD(weight.rows(), 0), MatrixD(weight.cols(), 0)};
  MatrixD scaled = weight;  // M Rx = W Rx − Ŵ Sxyᵀ Rx⁻ᵀ
  multiply_upper(pool, Op::none, xx_factor, scaled);
  MatrixD covered = quantized.cast<double>();
  gemm(pool, Op::none, Op::transpose, 1.0, quantized.cast<double>(), moments.xy, lambda, covered);
  divide_upper(pool, Op::transpose, xx_factor, covered);
  scaled -= covered;
  return best_low_rank(pool, scaled, xx_factor, k);
}

}  // namespace lrc
