#include "lrc/quantization/group_solve.hpp"

#include <algorithm>
#include <cassert>
#include <optional>

#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/distributed.hpp"
#include "lrc/quantization/damping.hpp"
#include "lrc/quantization/group_gptq.hpp"
#include "lrc/quantization/low_rank.hpp"
#include "lrc/quantization/rtn.hpp"

namespace lrc {
namespace {

constexpr double kShareOfDamping = 1e-2;  // as in lrc_steps.cpp

// U (d_out×k) and Vᵀ (k×d_in, columns reversed), k ≥ 1.
struct Correction {
  BlockCyclic u, v_transposed;
};

BlockCyclic zeros_like(const BlockCyclic& a, Index rows, Index cols) {
  return BlockCyclic(a.grid(), rows, cols, a.block());
}

// As in gptq.hpp.
double damping_term(const BlockCyclic& moments, double damping) {
  const VectorD diagonal = moments.diagonal();
  double trace = 0;
  for (Index i = diagonal.size(); i-- > 0;) trace += diagonal(i);  // in the order of the model
  return damping * trace / static_cast<double>(std::max<Index>(1, diagonal.size()));
}

// cholesky(), with failures in the order of the model.
void factorize(BlockCyclic& a) {
  try {
    cholesky(a);
  } catch (const CholeskyFailure& failure) {
    throw CholeskyFailure(a.rows() - 1 - failure.column());
  }
}

BlockCyclic raised_factor(const BlockCyclic& moments, double lambda) {
  BlockCyclic factor = moments;
  factor.add_to_diagonal(lambda);
  factorize(factor);
  return factor;
}

// Multiplies column j by scales(j).
void scale_columns(BlockCyclic& a, const VectorD& scales) {
  for (Index j = 0; j < a.local().cols(); ++j) a.local().col(j) *= scales(a.global_col(j));
}

// As in low_rank.hpp.
BlockCyclic leading_left_vectors(const BlockCyclic& a, Index k) {
  const bool by_rows = a.rows() <= a.cols();
  const Index side = std::min(a.rows(), a.cols());
  BlockCyclic gram = zeros_like(a, side, side);
  add_symmetric_product(by_rows ? Op::none : Op::transpose, 1.0, a, 0.0, gram);
  DistributedEigenvectors leading = leading_eigenvectors(std::move(gram), k);
  if (by_rows) return std::move(leading.vectors);
  BlockCyclic left = zeros_like(a, a.rows(), k);
  gemm(Op::none, Op::none, 1.0, a, leading.vectors, 0.0, left);
  scale_columns(left, inverse_singular_values(leading.values, a.rows()));
  return left;
}

// As in low_rank.hpp: scaled = A·L, factor = L.
Correction best_low_rank(const BlockCyclic& scaled, const BlockCyclic& factor, Index k) {
  BlockCyclic u = leading_left_vectors(scaled, k);
  BlockCyclic v_transposed = zeros_like(scaled, k, scaled.cols());
  gemm(Op::transpose, Op::none, 1.0, u, scaled, 0.0, v_transposed);
  divide_lower(Op::none, factor, v_transposed);
  return {std::move(u), std::move(v_transposed)};
}

// w − U Vᵀ
BlockCyclic without(const BlockCyclic& w, const Correction* correction) {
  BlockCyclic rest = w;
  if (correction) gemm(Op::none, Op::none, -1.0, correction->u, correction->v_transposed, 1.0, rest);
  return rest;
}

// As in lrc_steps.hpp.
Correction initial_correction(const GroupProblem& problem, const BlockCyclic& yy_factor, double lambda, Index k) {
  BlockCyclic s = problem.xx;
  s.add_to_diagonal((1 + kShareOfDamping) * lambda);
  {
    BlockCyclic z = problem.xy;
    z.add_to_diagonal(lambda);
    divide_lower(Op::transpose, yy_factor, z);
    add_symmetric_product(Op::none, -1.0, z, 1.0, s);
  }
  factorize(s);
  BlockCyclic scaled = problem.weight;
  multiply_lower(Op::none, s, scaled);
  return best_low_rank(scaled, s, k);
}

BlockCyclic quantize_target(const GroupProblem& problem, const Correction* correction, const BlockCyclic& yy_factor,
                            double lambda) {
  const BlockCyclic rest = without(problem.weight, correction);
  BlockCyclic target = rest;
  gemm(Op::none, Op::none, 1.0, rest, problem.xy, lambda, target);
  divide_lower(Op::transpose, yy_factor, target);
  divide_lower(Op::none, yy_factor, target);
  return target;
}

Correction refitted_correction(const GroupProblem& problem, const BlockCyclic& quantized, const BlockCyclic& xx_factor,
                               double lambda, Index k) {
  BlockCyclic scaled = problem.weight;
  multiply_lower(Op::none, xx_factor, scaled);
  BlockCyclic covered = quantized;
  gemm(Op::none, Op::transpose, 1.0, quantized, problem.xy, lambda, covered);
  divide_lower(Op::transpose, xx_factor, covered);
  scaled.local() -= covered.local();
  return best_low_rank(scaled, xx_factor, k);
}

// diag(A S Aᵀ), S given by its lower triangle T: S = T + Tᵀ − diag(S).
VectorD quadratic_forms(const BlockCyclic& a, const BlockCyclic& s) {
  BlockCyclic b = a;
  multiply_lower(Op::none, s, b);
  const VectorD triangle = row_products(a, b);
  b = a;
  scale_columns(b, s.diagonal());
  return 2 * triangle - row_products(a, b);
}

// As in objective.hpp.
RowLosses row_losses(const GroupProblem& problem, const BlockCyclic& quantized, const Correction* correction) {
  const BlockCyclic rest = without(problem.weight, correction);
  BlockCyclic product = zeros_like(rest, rest.rows(), rest.cols());  // R Sxy
  gemm(Op::none, Op::none, 1.0, rest, problem.xy, 0.0, product);
  const VectorD cross = row_products(product, quantized);
  return {.lost = quadratic_forms(rest, problem.xx) - 2 * cross + quadratic_forms(quantized, problem.yy),
          .power = quadratic_forms(problem.weight, problem.xx)};
}

// Rounds the correction to what is stored; returns it in the order of the model, on rank 0.
StoredLowRank store(Correction& correction, const SolveOptions& options) {
  auto& [u, v_transposed] = correction;
  const MatrixD u_rows = u.rows_on(0, 0, u.rows());                        // d_out×k, on rank 0
  const MatrixD v_rows = v_transposed.rows_on(0, 0, v_transposed.rows());  // k×d_in, on rank 0
  StoredLowRank result;
  MatrixD u_stored, v_stored;  // the stored values, in the order of the matrices, on rank 0
  u.grid().agree([&] {
    if (!u.grid().is_root()) return;
    result = stored({u_rows, v_rows.rowwise().reverse().transpose()}, options.factor_bits, options.factor_dtype);
    u_stored = result.u.values.cast<double>();
    v_stored = result.v.values.cast<double>().transpose().rowwise().reverse();
  });
  u.set_rows(0, 0, u.rows(), u_stored);
  v_transposed.set_rows(0, 0, v_transposed.rows(), v_stored);
  return result;
}

// One iterate: the codes of this rank's rows, what rank 0 stores of the correction, and the loss of both.
struct Iterate {
  QuantizedWeight band;
  StoredLowRank factors;
  RowLosses losses;
};

// `refit` makes the correction for the quantized matrix; it is not called with rank 0.
template <class Refit>
Iterate iterate(Execution& exec, const GroupProblem& problem, const BlockCyclic& target, const BlockCyclic& factor,
                const SolveOptions& options, std::optional<Correction>& correction, Refit refit) {
  Iterate result;
  result.band = group_gptq(exec, own_band(target), factor, options.grid);
  const BlockCyclic quantized =
      from_bands(dequantized(result.band.codes, result.band.scales, options.grid.group_size), problem.weight);
  result.factors.u.values = MatrixF(problem.weight.rows(), 0);
  result.factors.v.values = MatrixF(problem.weight.cols(), 0);
  if (options.rank > 0) {
    correction = refit(quantized);
    Correction rounded = *correction;  // iterations go on from the exact one
    result.factors = store(rounded, options);
    result.losses = row_losses(problem, quantized, &rounded);
  } else {
    result.losses = row_losses(problem, quantized, nullptr);
  }
  return result;
}

SolveResult complete(const ProcessGrid& grid, Iterate best, Index d_out, double damping, Index iterations) {
  QuantizedWeight all = gathered(grid, best.band, d_out);
  SolveResult result{std::move(all.codes), std::move(all.scales), {}, {}, 0, damping, iterations};
  set_losses(result, std::move(best.losses));
  if (grid.is_root()) set_factors(result, std::move(best.factors));
  return result;
}

const Correction* address_of(const std::optional<Correction>& correction) {
  return correction ? &*correction : nullptr;
}

SolveResult solve_svd(Execution& exec, const GroupProblem& problem, const SolveOptions& options) {
  const BlockCyclic factor = raised_factor(problem.xx, damping_term(problem.xx, options.damping));
  std::optional<Correction> correction;
  Iterate only = iterate(exec, problem, problem.weight, factor, options, correction, [&](const BlockCyclic& quantized) {
    BlockCyclic scaled = problem.weight;
    scaled.local() -= quantized.local();
    multiply_lower(Op::none, factor, scaled);
    return best_low_rank(scaled, factor, options.rank);
  });
  return complete(problem.weight.grid(), std::move(only), problem.weight.rows(), options.damping, 0);
}

SolveResult solve_lrc(Execution& exec, const GroupProblem& problem, const SolveOptions& options) {
  const double lambda = damping_term(problem.xx, options.damping);
  const BlockCyclic yy_factor = raised_factor(problem.yy, lambda);
  std::optional<Correction> correction;
  if (options.rank > 0) correction = initial_correction(problem, yy_factor, lambda, options.rank);
  const BlockCyclic xx_factor = raised_factor(problem.xx, lambda);
  std::optional<Iterate> best;
  for (Index iteration = 1; iteration <= options.iterations; ++iteration) {
    const BlockCyclic target = quantize_target(problem, address_of(correction), yy_factor, lambda);
    Iterate next = iterate(exec, problem, target, yy_factor, options, correction, [&](const BlockCyclic& quantized) {
      return refitted_correction(problem, quantized, xx_factor, lambda, options.rank);
    });
    if (best && next.losses.relative() >= best->losses.relative()) continue;  // on all ranks or none: all have the same
    best = std::move(next);
  }
  return complete(problem.weight.grid(), std::move(*best), problem.weight.rows(), options.damping, options.iterations);
}

// As in solve.cpp: U = 0.
SolveResult solve_by_rounding(Execution& exec, const GroupProblem& problem, const SolveOptions& options,
                              Method method) {
  const Index rank = method == Method::gptq ? 0 : options.rank;
  Iterate only;
  only.band = round_to_nearest(exec, own_band(problem.weight), options.grid);
  only.losses = row_losses(
      problem, from_bands(dequantized(only.band.codes, only.band.scales, options.grid.group_size), problem.weight),
      nullptr);
  only.factors = stored({MatrixD::Zero(problem.weight.rows(), rank), MatrixD::Zero(problem.weight.cols(), rank)},
                        options.factor_bits, options.factor_dtype);
  SolveResult result = complete(problem.weight.grid(), std::move(only), problem.weight.rows(), 0, 0);
  result.by_rounding = true;
  return result;
}

bool all_finite(const GroupProblem& problem) {
  bool finite = true;
  for (const BlockCyclic* moments : {&problem.xx, &problem.xy, &problem.yy})
    finite = finite && moments->local().allFinite();
  return problem.weight.grid().communicator().max(finite ? 0 : 1) == 0;
}

}  // namespace

SolveResult group_solve(Execution& exec, const ProcessGrid& grid, Method method, const GroupProblem& problem,
                        const SolveOptions& options) {
  assert(method != Method::rtn && &problem.weight.grid() == &grid);
  assert(options.rank >= 0 && options.rank <= std::min(problem.weight.rows(), problem.weight.cols()));
  assert(options.iterations >= 1);
  assert(!options.directions && !options.deflated && options.factor_bits == 16);
  const auto by_rounding = [&] { return solve_by_rounding(exec, problem, options, method); };
  if (tells_nothing(problem.xx.diagonal()) || tells_nothing(problem.yy.diagonal())) return by_rounding();
  const auto damped = [&](double damping) {
    SolveOptions damped_options = options;
    damped_options.damping = damping;
    if (method == Method::gptq) damped_options.rank = 0;
    return method == Method::lrc ? solve_lrc(exec, problem, damped_options) : solve_svd(exec, problem, damped_options);
  };
  const bool finite = all_finite(problem);
  try {
    return or_by_rounding(
        finite, [&] { return with_damping(options, damped); }, by_rounding);
  } catch (const DampingFailure& failure) {  // of all ranks: a factorization fails on all or on none
    grid.agree([&] { throw failure; });
    throw;
  }
}

}  // namespace lrc
