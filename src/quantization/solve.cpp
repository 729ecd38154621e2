#include "lrc/quantization/solve.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/quantization/grid/rtn.hpp"
#include "lrc/quantization/low_rank/svd.hpp"
#include "lrc/quantization/lrc/lrc.hpp"
#include "lrc/quantization/lrc/objective.hpp"
#include "lrc/quantization/lrc/residual.hpp"
#include "lrc/quantization/moments/damping.hpp"

namespace lrc {
namespace {

template <class Matrix>
SolveResult solve_rtn(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                      const SolveOptions& options) {
  SolveResult result;
  const MatrixD& rows = own_rows(weight);
  agree(weight, [&] { set_codes(result, round_to_nearest(exec, rows, options.grid)); });
  set_factors(result,
              stored(exec, LowRankOf<Matrix>{zeros(weight, weight.rows(), 0), zeros(weight, weight.cols(), 0)}, 16));
  measure_losses(exec, weight, quantized_values(weight, result, options), moments, result);
  return result;
}

// What can be known where the moments tell nothing. U = 0, or, with directions, the part that is not quantized.
template <class Matrix>
SolveResult solve_by_rounding(Execution& exec, const Matrix& weight, const MomentsOf<Matrix>& moments,
                              const SolveOptions& options, Index rank) {
  SolveResult result = solve_rtn(exec, weight, moments, options);
  result.by_rounding = true;
  if (rank == 0) return result;
  StoredFactor v = options.directions
                       ? *options.directions
                       : stored_factor(zeros(weight, weight.cols(), rank), options.factor_bits, options.factor_dtype);
  const Matrix u = product(exec, weight, from_own_rows(weight, weight.cols(), v.values));
  set_factors(result, {stored_factor(u, options.factor_bits, options.factor_dtype), std::move(v)});
  measure_losses(exec, weight, quantized_values(weight, result, options), moments, result);
  return result;
}

// No token came, or all inputs were zero; or the directions take out all that the tokens have (fewer tokens than
// directions), so that what is left is rounding.
template <class Matrix>
bool nothing_is_quantized(const MomentsOf<Matrix>& moments) {
  constexpr double kRounding = 1e-5;
  const VectorD xx = moments.xx.diagonal(), yy = moments.yy.diagonal();
  return tells_nothing(xx) || yy.sum() <= kRounding * xx.sum();
}

template <class Matrix>
SolveResult solve_damped(Execution& exec, Method method, const Matrix& weight, const MomentsOf<Matrix>& moments,
                         SolveOptions options, double damping) {
  options.damping = damping;
  if (method == Method::lrc && options.directions) return solve_residual(exec, weight, moments, options);
  if (method == Method::lrc) return solve_lrc(exec, weight, moments, options);
  if (method == Method::gptq) options.rank = 0;
  return solve_svd(exec, weight, moments, options);
}

// Of each rank its own rows.
template <class Matrix>
SolveResult solve_rows(Execution& exec, Method method, const Matrix& weight, const MomentsOf<Matrix>& moments,
                       const SolveOptions& options) {
  if (method == Method::rtn) return solve_rtn(exec, weight, moments, options);
  const auto by_rounding = [&] {
    return solve_by_rounding(exec, weight, moments, options, method == Method::gptq ? 0 : options.rank);
  };
  if (nothing_is_quantized(moments)) return by_rounding();
  const auto damped = [&](double damping) { return solve_damped(exec, method, weight, moments, options, damping); };
  const bool finite = is_finite(moments.xx) && is_finite(moments.xy) && is_finite(moments.yy);
  return or_by_rounding(
      finite, [&] { return with_damping(options, damped); }, by_rounding);
}

}  // namespace

void set_losses(SolveResult& result, RowLosses losses) {
  result.relative_loss = losses.relative();
  result.losses = std::move(losses);
}

void set_codes(SolveResult& result, QuantizedWeight quantized) {
  result.codes = std::move(quantized.codes);
  result.scales = std::move(quantized.scales);
  result.zero_points = std::move(quantized.zero_points);
}

void set_factors(SolveResult& result, StoredLowRank factors) {
  result.u = std::move(factors.u);
  result.v = std::move(factors.v);
}

template <class Matrix>
SolveResult solve(Execution& exec, Method method, const Matrix& weight, const MomentsOf<Matrix>& moments,
                  const SolveOptions& options) {
  assert(moments.xx.rows() == weight.cols() && moments.xy.rows() == weight.cols() &&
         moments.yy.rows() == weight.cols());
  assert(is_finite(weight));
  assert(options.rank >= 0 && options.rank <= weight.cols());
  assert(options.directions ? options.directions->values.cols() == options.rank : options.rank <= weight.rows());
  SolveResult result;
  try {
    result = solve_rows(exec, method, weight, moments, options);
  } catch (const DampingFailure& failure) {  // of all ranks: a factorization fails on all or on none
    agree(weight, [&] { throw failure; });
  }
  const auto gather = [&](auto& rows) { rows = gathered_rows(weight, std::move(rows)); };
  for (MatrixI8* codes : {&result.codes, &result.zero_points, &result.u.codes, &result.v.codes}) gather(*codes);
  for (MatrixF* values : {&result.scales, &result.u.values, &result.v.values}) gather(*values);
  gather(result.uncorrected);
  return result;
}

double solve_workspace_bytes(Method method, Index d_out, Index d_in, Index rank) {
  const auto rows = static_cast<double>(d_out), cols = static_cast<double>(d_in);
  const double inputs = cols * cols, weights = rows * cols, smaller = std::min(rows, cols);
  const double eigenproblem = rank > 0 ? smaller * smaller + 2 * smaller * static_cast<double>(rank) : 0;
  const double factors = 2 * (rows + cols) * static_cast<double>(rank);
  const double moments = method == Method::rtn ? 0 : method == Method::lrc ? 3 * inputs : inputs;
  return sizeof(double) * (moments + 4 * weights + eigenproblem + factors);
}

template SolveResult solve(Execution&, Method, const MatrixD&, const Moments&, const SolveOptions&);
template SolveResult solve(Execution&, Method, const DistributedMatrix&, const MomentsOf<DistributedMatrix>&,
                           const SolveOptions&);

}  // namespace lrc
