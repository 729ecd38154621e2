#include "lrc/quantization/deflated_step.hpp"

#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/gptq.hpp"
#include "lrc/quantization/lrc_steps.hpp"

namespace lrc {
namespace {

// Where the branch covers nearly all of Y, H⊥ is smaller than what Sy's rounding to fp32 leaves of the difference.
constexpr double kShareOfDamping = 1e-4;

}  // namespace

DeflatedStep deflated_step(Execution& exec, const MatrixD& weight, MatrixD rest, const Moments& moments,
                           const BranchMoments& branch, double damping) {
  MatrixD y_part = branch.yb, x_part = branch.xb;  // d_in×k: Y Bᵀ R⁻ᵀ and X Bᵀ R⁻ᵀ, G = R⁻ᵀ R⁻¹
  divide_upper(exec, Op::transpose, branch.factor, y_part);
  divide_upper(exec, Op::transpose, branch.factor, x_part);
  DeflatedStep step;
  double lambda = 0;
  {
    MatrixD covered = symmetric_product(exec, y_part, y_part, Op::none, Op::transpose);  // d_in×d_in
    covered = damped(moments.yy, kShareOfDamping * damping) - covered;
    lambda = damping_term(covered, damping);
    step.factor = raised_factor(exec, covered, lambda);
  }
  MatrixD cross = moments.xy;  // d_in×d_in
  gemm(exec, Op::none, Op::transpose, -1.0, x_part, y_part, 1.0, cross);
  step.target = std::move(rest);
  gemm(exec, Op::none, Op::none, 1.0, weight, cross, lambda, step.target);
  divide_upper(exec, Op::transpose, step.factor, step.target);
  divide_upper(exec, Op::none, step.factor, step.target);
  return step;
}

}  // namespace lrc
