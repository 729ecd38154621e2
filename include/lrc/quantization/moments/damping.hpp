// What to do where a factorization fails: the damping is raised until it doesn't.
#pragma once

#include <functional>

#include "lrc/quantization/solve.hpp"

namespace lrc {

/// No damping helps.
class DampingFailure : public Error {
 public:
  using Error::Error;
};

/// attempt(damping), beginning with `first`. Where it throws CholeskyFailure, the damping grows tenfold (from 1e-8 if
/// it was 0), up to 1, with a warning; then DampingFailure. Both name what it is for.
void with_damping(const std::string& name, double first, const std::function<void(double)>& attempt);
/// The same for the solve of a linear, beginning with options.damping.
SolveResult with_damping(const SolveOptions& options, const std::function<SolveResult(double)>& attempt);

/// Whether moments with this diagonal (d_in) are all zero: no token came, or all inputs were.
bool tells_nothing(const VectorD& diagonal);

/// attempt(), or `instead` where the moments are finite and yet no damping helps: inputs of too few kinds. A warning
/// says so.
SolveResult or_by_rounding(bool finite, const std::function<SolveResult()>& attempt,
                           const std::function<SolveResult()>& instead);

}  // namespace lrc
