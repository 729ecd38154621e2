// LRC (arXiv 2412.07902): codes and low-rank correction solved for together.
#pragma once

#include "lrc/quantization/solve.hpp"

namespace lrc {

/// min ‖W X − Ŵ Y − U Vᵀ X‖² by the closed forms of docs/method.md: U, V for a relaxed Ŵ, then options.iterations times
/// GPTQ for Ŵ and the best U, V for it; the iterate of least loss is kept. Throws CholeskyFailure where options.damping
/// is too small. Of each rank its own rows, in matrices of any kind
/// (matrix_kinds.hpp). Preconditions as in solve(), which calls this.
template <class Matrix>
SolveResult solve_lrc(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                      const SolveOptions& options);

}  // namespace lrc
