#include "lrc/quantization/solve.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/quantization/damping.hpp"
#include "lrc/quantization/lrc.hpp"
#include "lrc/quantization/objective.hpp"
#include "lrc/quantization/residual.hpp"
#include "lrc/quantization/rtn.hpp"
#include "lrc/quantization/svd.hpp"

namespace lrc {
namespace {

SolveResult solve_rtn(ThreadPool& pool, const MatrixD& weight, const Moments& moments, const SolveOptions& options) {
  QuantizedWeight quantized = round_to_nearest(pool, weight, options.grid);
  const MatrixF values = dequantized(quantized.codes, quantized.scales, options.grid.group_size);
  SolveResult result{std::move(quantized.codes), std::move(quantized.scales), MatrixF(weight.rows(), 0),
                     MatrixF(weight.cols(), 0)};
  result.relative_loss = relative_loss(pool, weight, values, result.u, result.v, moments);
  return result;
}

SolveResult solve_damped(ThreadPool& pool, Method method, const MatrixD& weight, const Moments& moments,
                         SolveOptions options, double damping) {
  options.damping = damping;
  if (method == Method::lrc && options.directions) return solve_residual(pool, weight, moments, options);
  if (method == Method::lrc) return solve_lrc(pool, weight, moments, options);
  if (method == Method::gptq) options.rank = 0;
  return solve_svd(pool, weight, moments, options);
}

}  // namespace

void set_factors(SolveResult& result, StoredLowRank factors) {
  result.u = std::move(factors.u.values);
  result.u_codes = std::move(factors.u.codes);
  result.u_scales = std::move(factors.u.scales);
  result.v = std::move(factors.v.values);
  result.v_codes = std::move(factors.v.codes);
  result.v_scales = std::move(factors.v.scales);
}

SolveResult solve(ThreadPool& pool, Method method, const MatrixD& weight, const Moments& moments,
                  const SolveOptions& options) {
  assert(moments.xx.rows() == weight.cols() && moments.xy.rows() == weight.cols() &&
         moments.yy.rows() == weight.cols());
  assert(weight.allFinite());
  assert(options.rank >= 0 && options.rank <= weight.cols());
  assert(options.directions
             ? options.directions->values.rows() == weight.cols() && options.directions->values.cols() == options.rank
             : options.rank <= weight.rows());
  if (method == Method::rtn) return solve_rtn(pool, weight, moments, options);
  require_data(moments.xx.diagonal(), options.name);
  return with_damping(options,
                      [&](double damping) { return solve_damped(pool, method, weight, moments, options, damping); });
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
