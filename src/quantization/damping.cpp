#include "lrc/quantization/damping.hpp"

#include <algorithm>

#include "lrc/core/log.hpp"
#include "lrc/linalg/cholesky.hpp"

namespace lrc {
namespace {

constexpr double kFirstDamping = 1e-8, kLastDamping = 1.0, kDampingStep = 10;

double raised(double damping) { return std::clamp(damping * kDampingStep, kFirstDamping, kLastDamping); }

}  // namespace

SolveResult with_damping(const SolveOptions& options, const std::function<SolveResult(double)>& attempt) {
  for (double damping = options.damping;; damping = raised(damping)) {
    try {
      return attempt(damping);
    } catch (const CholeskyFailure& failure) {
      if (damping >= kLastDamping) {
        throw Error(fmt::format("{}: {} even with a damping of {}; are its moments finite?", options.name,
                                failure.what(), damping));
      }
      log_warning(fmt::format("{}: {} with a damping of {}: raised to {}", options.name, failure.what(), damping,
                              raised(damping)));
    }
  }
}

void require_data(const VectorD& diagonal, const std::string& name) {
  for (Index i = 0; i < diagonal.size(); ++i) {
    if (diagonal(i) != 0) return;
  }
  throw Error(
      fmt::format("{}: no calibration token reached it (its inputs are all zero); calibrate on more text", name));
}

}  // namespace lrc
