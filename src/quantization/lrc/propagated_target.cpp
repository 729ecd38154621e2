#include "lrc/quantization/lrc/propagated_target.hpp"

#include <cassert>

#include "lrc/quantization/moments/damped_moments.hpp"
#include "lrc/quantization/moments/damping.hpp"

namespace lrc {

template <class Matrix>
Matrix propagated_weight(Execution& exec, const Matrix& weight, const Matrix& xx, const Matrix& drift,
                         const TargetOptions& options) {
  assert(xx.rows() == weight.cols() && drift.rows() == weight.cols() && drift.cols() == weight.cols());
  assert(options.blend >= 0 && options.blend <= 1);
  if (options.blend == 0 || tells_nothing(xx.diagonal())) return weight;
  Matrix root;  // R of X̂ X̂ᵀ + λ I = R Rᵀ, with as much damping as it takes
  with_damping(options.name, options.damping, [&](double damping) { root = damped_root(exec, xx, damping); });
  Matrix target = zeros(weight, weight.rows(), weight.cols());  // W + α W D X̂ᵀ (R Rᵀ)⁻¹
  gemm(exec, Op::none, Op::none, options.blend, weight, drift, 0.0, target);
  divide_upper(exec, Op::transpose, root, target);
  divide_upper(exec, Op::none, root, target);
  add(exec, 1.0, weight, target);
  return target;
}

double propagated_weight_bytes(Index d_out, Index d_in) {
  const auto rows = static_cast<double>(d_out), d = static_cast<double>(d_in);
  return sizeof(double) * (2 * d * d + 2 * rows * d);
}

template MatrixD propagated_weight(Execution&, const MatrixD&, const MatrixD&, const MatrixD&, const TargetOptions&);
template DistributedMatrix propagated_weight(Execution&, const DistributedMatrix&, const DistributedMatrix&,
                                             const DistributedMatrix&, const TargetOptions&);

}  // namespace lrc
