#include "lrc/quantization/solve.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/linalg/gemm.hpp"
#include "lrc/quantization/damping.hpp"
#include "lrc/quantization/lrc.hpp"
#include "lrc/quantization/objective.hpp"
#include "lrc/quantization/residual.hpp"
#include "lrc/quantization/rtn.hpp"
#include "lrc/quantization/svd.hpp"

namespace lrc {
namespace {

SolveResult solve_rtn(Execution& exec, const MatrixD& weight, const Moments& moments, const SolveOptions& options) {
  QuantizedWeight quantized = round_to_nearest(exec, weight, options.grid);
  const MatrixF values = dequantized(quantized.codes, quantized.scales, options.grid.group_size);
  SolveResult result{std::move(quantized.codes), std::move(quantized.scales), MatrixF(weight.rows(), 0),
                     MatrixF(weight.cols(), 0)};
  set_losses(result, row_losses(exec, weight, values, result.u, result.v, moments));
  return result;
}

// What can be known where the moments tell nothing. U = 0, or, with directions, the part that is not quantized.
SolveResult solve_by_rounding(Execution& exec, const MatrixD& weight, const Moments& moments,
                              const SolveOptions& options, Index rank) {
  SolveResult result = solve_rtn(exec, weight, moments, options);
  result.by_rounding = true;
  if (rank == 0) return result;
  const MatrixD zero = MatrixD::Zero(weight.cols(), rank);
  const MatrixD v = options.directions ? MatrixD(options.directions->values.cast<double>()) : zero;
  StoredFactor stored_v =
      options.directions ? *options.directions : stored_factor(v, options.factor_bits, options.factor_dtype);
  set_factors(result, {stored_factor(product(exec, weight, v), options.factor_bits, options.factor_dtype),
                       std::move(stored_v)});
  const MatrixF values = dequantized(result.codes, result.scales, options.grid.group_size);
  set_losses(result, row_losses(exec, weight, values, result.u, result.v, moments));
  return result;
}

// Where the directions take out all that the tokens have (fewer tokens than directions), what is left is rounding.
bool nothing_is_quantized(const Moments& moments) {
  constexpr double kRounding = 1e-5;
  return moments.yy.trace() <= kRounding * moments.xx.trace();
}

bool all_finite(const Moments& moments) {
  return moments.xx.allFinite() && moments.xy.allFinite() && moments.yy.allFinite();
}

SolveResult solve_damped(Execution& exec, Method method, const MatrixD& weight, const Moments& moments,
                         SolveOptions options, double damping) {
  options.damping = damping;
  if (method == Method::lrc && options.directions) return solve_residual(exec, weight, moments, options);
  if (method == Method::lrc) return solve_lrc(exec, weight, moments, options);
  if (method == Method::gptq) options.rank = 0;
  return solve_svd(exec, weight, moments, options);
}

}  // namespace

void set_losses(SolveResult& result, RowLosses losses) {
  result.relative_loss = losses.relative();
  result.losses = std::move(losses);
}

void set_factors(SolveResult& result, StoredLowRank factors) {
  result.u = std::move(factors.u.values);
  result.u_codes = std::move(factors.u.codes);
  result.u_scales = std::move(factors.u.scales);
  result.v = std::move(factors.v.values);
  result.v_codes = std::move(factors.v.codes);
  result.v_scales = std::move(factors.v.scales);
}

SolveResult solve(Execution& exec, Method method, const MatrixD& weight, const Moments& moments,
                  const SolveOptions& options) {
  assert(moments.xx.rows() == weight.cols() && moments.xy.rows() == weight.cols() &&
         moments.yy.rows() == weight.cols());
  assert(weight.allFinite());
  assert(options.rank >= 0 && options.rank <= weight.cols());
  assert(options.directions
             ? options.directions->values.rows() == weight.cols() && options.directions->values.cols() == options.rank
             : options.rank <= weight.rows());
  if (method == Method::rtn) return solve_rtn(exec, weight, moments, options);
  const auto by_rounding = [&] {
    return solve_by_rounding(exec, weight, moments, options, method == Method::gptq ? 0 : options.rank);
  };
  if (tells_nothing(moments.xx.diagonal()) || nothing_is_quantized(moments)) return by_rounding();
  const auto damped = [&](double damping) { return solve_damped(exec, method, weight, moments, options, damping); };
  return or_by_rounding(
      all_finite(moments), [&] { return with_damping(options, damped); }, by_rounding);
}

double solve_workspace_bytes(Method method, Index d_out, Index d_in, Index rank) {
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  const double inputs = cols * cols, weights = rows * cols, smaller = std::min(rows, cols);
  const double eigenproblem = rank > 0 ? smaller * smaller + 2 * smaller * static_cast<double>(rank) : 0;
  const double factors = 2 * (rows + cols) * static_cast<double>(rank);
  const double moments = method == Method::rtn ? 0 : method == Method::lrc ? 3 * inputs : inputs;
  return sizeof(double) * (moments + 4 * weights + eigenproblem + factors);
}

}  // namespace lrc
