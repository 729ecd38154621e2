#include "lrc/quantization/moments/damping.hpp"

#include <algorithm>
#include <cmath>

#include "lrc/core/log.hpp"
#include "lrc/linalg/cholesky.hpp"

namespace lrc {
namespace {

constexpr double kFirstDamping = 1e-8, kLastDamping = 1.0, kDampingStep = 10;

double raised(double damping) { return std::clamp(damping * kDampingStep, kFirstDamping, kLastDamping); }

}  // namespace

void with_damping(const std::string& name, double first, const std::function<void(double)>& attempt) {
  for (double damping = first;; damping = raised(damping)) {
    try {
      return attempt(damping);
    } catch (const CholeskyFailure& failure) {
      if (damping >= kLastDamping) {
        throw DampingFailure(fmt::format("{}: {} even with a damping of {}", name, failure.what(), damping));
      }
      log_warning(
          fmt::format("{}: {} with a damping of {}: raised to {}", name, failure.what(), damping, raised(damping)));
    }
  }
}

SolveResult with_damping(const SolveOptions& options, const std::function<SolveResult(double)>& attempt) {
  SolveResult result;
  with_damping(options.name, options.damping, [&](double damping) { result = attempt(damping); });
  if (!std::isfinite(result.relative_loss)) {
    throw Error(
        fmt::format("{}: the loss of its solve is {}; are its moments finite? Remove its file of moments from the "
                    "checkpoint to have them measured again, or restart",
                    options.name, result.relative_loss));
  }
  return result;
}

bool tells_nothing(const VectorD& diagonal) {
  for (Index i = 0; i < diagonal.size(); ++i) {
    if (diagonal(i) != 0) return false;
  }
  return true;
}

SolveResult or_by_rounding(bool finite, const std::function<SolveResult()>& attempt,
                           const std::function<SolveResult()>& instead) {
  try {
    return attempt();
  } catch (const DampingFailure& failure) {
    if (!finite) throw;
    log_warning(fmt::format("{}; rounded to nearest instead, without a correction", failure.what()));
  }
  return instead();
}

}  // namespace lrc
