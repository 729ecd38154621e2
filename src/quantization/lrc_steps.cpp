#include "lrc/quantization/lrc_steps.hpp"

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/gptq.hpp"

namespace lrc {

MatrixD damped_factor(ThreadPool& pool, const MatrixD& moments, double damping) {
  MatrixD factor = damped(moments, damping);
  upper_cholesky(pool, factor);
  return factor;
}

MatrixD relaxed_factor(ThreadPool& pool, const Moments& moments, const MatrixD& yy_factor, double damping) {
  MatrixD s;
  {
    MatrixD z = moments.xy;  // Sxy Ry⁻ᵀ, so that Sxy Sy⁻¹ Sxyᵀ = Z Zᵀ
    divide_upper(pool, Op::transpose, yy_factor, z);
    s = symmetric_product(pool, z, z, Op::none, Op::transpose);
  }
  s = damped(moments.xx, damping) - s;
  upper_cholesky(pool, s);
  return s;
}

LowRank initial_correction(ThreadPool& pool, const MatrixD& weight, const Moments& moments, const MatrixD& yy_factor,
                           double damping, Index k) {
  if (k == 0) return {MatrixD(weight.rows(), 0), MatrixD(weight.cols(), 0)};
  const MatrixD factor = relaxed_factor(pool, moments, yy_factor, damping);
  MatrixD scaled = weight;
  multiply_upper(pool, Op::none, factor, scaled);
  return best_low_rank(pool, scaled, factor, k);
}

MatrixD quantize_target(ThreadPool& pool, const MatrixD& weight, const LowRank& correction, const Moments& moments,
                        const MatrixD& yy_factor) {
  MatrixD rest = weight;
  gemm(pool, Op::none, Op::transpose, -1.0, correction.u, correction.v, 1.0, rest);
  MatrixD target = product(pool, rest, moments.xy);
  divide_upper(pool, Op::transpose, yy_factor, target);
  divide_upper(pool, Op::none, yy_factor, target);
  return target;
}

LowRank refitted_correction(ThreadPool& pool, const MatrixD& weight, const MatrixF& quantized, const Moments& moments,
                            const MatrixD& xx_factor, Index k) {
  if (k == 0) return {MatrixD(weight.rows(), 0), MatrixD(weight.cols(), 0)};
  MatrixD scaled = weight;  // M Rx = W Rx − Ŵ Sxyᵀ Rx⁻ᵀ
  multiply_upper(pool, Op::none, xx_factor, scaled);
  MatrixD covered = product(pool, quantized.cast<double>(), moments.xy, Op::none, Op::transpose);
  divide_upper(pool, Op::transpose, xx_factor, covered);
  scaled -= covered;
  return best_low_rank(pool, scaled, xx_factor, k);
}

}  // namespace lrc
