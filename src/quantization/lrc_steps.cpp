#include "lrc/quantization/lrc_steps.hpp"

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/gptq.hpp"

namespace lrc {
namespace {

constexpr double kShareOfDamping = 1e-2;

}  // namespace

MatrixD damped_factor(Execution& exec, const MatrixD& moments, double damping) {
  return raised_factor(exec, moments, damping_term(moments, damping));
}

MatrixD raised_factor(Execution& exec, const MatrixD& moments, double lambda) {
  MatrixD factor = moments;
  factor.diagonal().array() += lambda;
  upper_cholesky(exec, factor);
  return factor;
}

MatrixD relaxed_factor(Execution& exec, const Moments& moments, const MatrixD& yy_factor, double lambda) {
  MatrixD s;
  {
    MatrixD z = moments.xy;  // Sxy Ry⁻ᵀ, so that Sxy Sy⁻¹ Sxyᵀ = Z Zᵀ
    z.diagonal().array() += lambda;
    divide_upper(exec, Op::transpose, yy_factor, z);
    s = symmetric_product(exec, z, z, Op::none, Op::transpose);
  }
  s = moments.xx - s;
  s.diagonal().array() += (1 + kShareOfDamping) * lambda;
  upper_cholesky(exec, s);
  return s;
}

LowRank initial_correction(Execution& exec, const MatrixD& weight, const Moments& moments, const MatrixD& yy_factor,
                           double lambda, Index k) {
  if (k == 0) return {MatrixD(weight.rows(), 0), MatrixD(weight.cols(), 0)};
  const MatrixD factor = relaxed_factor(exec, moments, yy_factor, lambda);
  MatrixD scaled = weight;
  multiply_upper(exec, Op::none, factor, scaled);
  return best_low_rank(exec, scaled, factor, k);
}

MatrixD quantize_target(Execution& exec, const MatrixD& weight, const LowRank& correction, const Moments& moments,
                        const MatrixD& yy_factor, double lambda) {
  const MatrixD rest = without(exec, weight, correction);
  MatrixD target = rest;
  gemm(exec, Op::none, Op::none, 1.0, rest, moments.xy, lambda, target);
  divide_upper(exec, Op::transpose, yy_factor, target);
  divide_upper(exec, Op::none, yy_factor, target);
  return target;
}

LowRank refitted_correction(Execution& exec, const MatrixD& weight, const MatrixF& quantized, const Moments& moments,
                            const MatrixD& xx_factor, double lambda, Index k) {
  if (k == 0) return {MatrixD(weight.rows(), 0), MatrixD(weight.cols(), 0)};
  MatrixD scaled = weight;  // M Rx = W Rx − Ŵ Sxyᵀ Rx⁻ᵀ
  multiply_upper(exec, Op::none, xx_factor, scaled);
  MatrixD covered = quantized.cast<double>();
  gemm(exec, Op::none, Op::transpose, 1.0, quantized.cast<double>(), moments.xy, lambda, covered);
  divide_upper(exec, Op::transpose, xx_factor, covered);
  scaled -= covered;
  return best_low_rank(exec, scaled, xx_factor, k);
}

}  // namespace lrc
