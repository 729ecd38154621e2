#include "lrc/quantization/lrc/deflated_step.hpp"

#include "lrc/quantization/moments/damped_moments.hpp"

namespace lrc {
namespace {

// Where the branch covers nearly all of Y, H⊥ is smaller than what Sy's rounding to fp32 leaves of the difference.
constexpr double kShareOfSy = 1e-4;

}  // namespace

template <class Matrix>
DeflatedStepOf<Matrix> deflated_step(Execution& exec, const Matrix& weight, Matrix rest,
                                     const MomentsOf<Matrix>& moments, const BranchMomentsOf<Matrix>& branch,
                                     double damping) {
  Matrix y_part = branch.yb, x_part = branch.xb;  // d_in×k: Y Bᵀ R⁻ᵀ and X Bᵀ R⁻ᵀ, G = R⁻ᵀ R⁻¹
  divide_upper(exec, Op::transpose, branch.root, y_part);
  divide_upper(exec, Op::transpose, branch.root, x_part);
  DeflatedStepOf<Matrix> step;
  step.root = damped(exec, moments.yy, kShareOfSy * damping);
  add(exec, -1.0, symmetric_product(exec, y_part, y_part, Op::none, Op::transpose), step.root);
  const double lambda = damping_term(step.root, damping);
  add_to_diagonal(exec, lambda, step.root);
  upper_cholesky(exec, step.root);
  Matrix cross = moments.xy;  // d_in×d_in
  gemm(exec, Op::none, Op::transpose, -1.0, x_part, y_part, 1.0, cross);
  step.target = std::move(rest);
  gemm(exec, Op::none, Op::none, 1.0, weight, cross, lambda, step.target);
  divide_upper(exec, Op::transpose, step.root, step.target);
  divide_upper(exec, Op::none, step.root, step.target);
  return step;
}

template DeflatedStepOf<MatrixD> deflated_step(Execution&, const MatrixD&, MatrixD, const Moments&,
                                               const BranchMoments&, double);
template DeflatedStepOf<DistributedMatrix> deflated_step(Execution&, const DistributedMatrix&, DistributedMatrix,
                                                         const MomentsOf<DistributedMatrix>&,
                                                         const BranchMomentsOf<DistributedMatrix>&, double);

}  // namespace lrc
