// The quantize step in which U is not held fixed but eliminated: Ŵ is rounded knowing that the branch will make good
// what lies in its span (docs/method.md, "Deflated quantize step"). `Matrix` is of any kind (matrix_kinds.hpp).
#pragma once

#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/moments/branch_moments.hpp"

namespace lrc {

template <class Matrix>
struct DeflatedStepOf {
  Matrix target;  ///< d_out×d_in: Ŵ before it is rounded
  Matrix root;    ///< d_in×d_in, upper: R of the damped H⊥ = R Rᵀ; GPTQ(target, R) gives Ŵ
};

/// With G = (Vᵀ Sx V)⁻¹: H⊥ = Sy − Sxyᵀ V G Vᵀ Sxy, damped relative to its own mean diagonal and, ten thousand times
/// less, to that of Sy; target = (W (Sxy − Sx V G Vᵀ Sxy) + λ · rest) H⊥⁻¹ with λ the former. `rest` (d_out×d_in) is
/// W − U Vᵀ for a U that is nearly right: what Ŵ is drawn to where H⊥ says little. Throws CholeskyFailure.
/// 4 d_in² k + 4 d_out d_in² + d_in³/3 operations.
template <class Matrix>
DeflatedStepOf<Matrix> deflated_step(Execution& exec, const Matrix& weight, Matrix rest,
                                     const MomentsOf<Matrix>& moments, const BranchMomentsOf<Matrix>& branch,
                                     double damping);

}  // namespace lrc
