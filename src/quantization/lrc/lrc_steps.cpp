#include "lrc/quantization/lrc/lrc_steps.hpp"

#include "lrc/quantization/moments/damped_moments.hpp"

namespace lrc {
namespace {

// R of S = Sx − Sxy Sy⁻¹ Sxyᵀ = R Rᵀ, damped: what the branch has to say while Ŵ may be any matrix (d_in×d_in). Where
// nothing was seen that is nothing, so Sx gets another λ/100. Throws CholeskyFailure.
template <class Matrix>
Matrix relaxed_root(Execution& exec, const MomentsOf<Matrix>& moments, const Matrix& yy_root, double lambda) {
  Matrix explained;  // d_in×d_in: Sxy Sy⁻¹ Sxyᵀ = Z Zᵀ, Z = Sxy Ry⁻ᵀ
  {
    Matrix z = moments.xy;
    add_to_diagonal(exec, lambda, z);
    divide_upper(exec, Op::transpose, yy_root, z);
    explained = symmetric_product(exec, z, z, Op::none, Op::transpose);
  }
  Matrix root = moments.xx;
  add(exec, -1.0, explained, root);
  add_to_diagonal(exec, (1 + kShareOfDamping) * lambda, root);
  explained = {};
  upper_cholesky(exec, root);
  return root;
}

}  // namespace

template <class Matrix>
LowRankOf<Matrix> initial_correction(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                                     const Matrix& yy_root, double lambda, Index k) {
  if (k == 0) return {zeros(weight, weight.rows(), 0), zeros(weight, weight.cols(), 0)};
  const Matrix root = relaxed_root(exec, moments, yy_root, lambda);
  Matrix scaled = weight;
  multiply_upper(exec, Op::none, root, scaled);
  return best_low_rank(exec, scaled, root, k);
}

template <class Matrix>
Matrix quantize_target(Execution& exec, const Matrix& weight, const LowRankOf<Matrix>& correction,
                       const MomentsOf<Matrix>& moments, const Matrix& yy_root, double lambda) {
  const Matrix rest = without(exec, weight, correction);
  Matrix target = rest;
  gemm(exec, Op::none, Op::none, 1.0, rest, moments.xy, lambda, target);
  divide_upper(exec, Op::transpose, yy_root, target);
  divide_upper(exec, Op::none, yy_root, target);
  return target;
}

template <class Matrix>
LowRankOf<Matrix> refitted_correction(Execution& exec, const Matrix& weight, const Matrix& quantized,
                                      const MomentsOf<Matrix>& moments, const Matrix& xx_root, double lambda, Index k) {
  if (k == 0) return {zeros(weight, weight.rows(), 0), zeros(weight, weight.cols(), 0)};
  Matrix scaled = weight;  // M Rx = W Rx − Ŵ Sxyᵀ Rx⁻ᵀ
  multiply_upper(exec, Op::none, xx_root, scaled);
  Matrix covered = quantized;
  gemm(exec, Op::none, Op::transpose, 1.0, quantized, moments.xy, lambda, covered);
  divide_upper(exec, Op::transpose, xx_root, covered);
  add(exec, -1.0, covered, scaled);
  covered = {};
  return best_low_rank(exec, scaled, xx_root, k);
}

using Distributed = DistributedMatrix;
template LowRank initial_correction(Execution&, const MatrixD&, const Moments&, const MatrixD&, double, Index);
template LowRankOf<Distributed> initial_correction(Execution&, const Distributed&, const MomentsOf<Distributed>&,
                                                   const Distributed&, double, Index);
template MatrixD quantize_target(Execution&, const MatrixD&, const LowRank&, const Moments&, const MatrixD&, double);
template Distributed quantize_target(Execution&, const Distributed&, const LowRankOf<Distributed>&,
                                     const MomentsOf<Distributed>&, const Distributed&, double);
template LowRank refitted_correction(Execution&, const MatrixD&, const MatrixD&, const Moments&, const MatrixD&, double,
                                     Index);
template LowRankOf<Distributed> refitted_correction(Execution&, const Distributed&, const Distributed&,
                                                    const MomentsOf<Distributed>&, const Distributed&, double, Index);

}  // namespace lrc
