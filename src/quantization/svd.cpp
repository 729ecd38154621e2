#include "lrc/quantization/svd.hpp"

#include "lrc/linalg/triangular.hpp"
#include "lrc/quantization/gptq.hpp"
#include "lrc/quantization/lrc_steps.hpp"
#include "lrc/quantization/objective.hpp"

namespace lrc {

SolveResult solve_svd(ThreadPool& pool, const MatrixD& weight, const Moments& moments, const SolveOptions& options) {
  const MatrixD factor = damped_factor(pool, moments.xx, options.damping);
  QuantizedWeight quantized = gptq(pool, weight, factor, options.grid);
  const MatrixF values = dequantized(quantized.codes, quantized.scales, options.grid.group_size);
  MatrixD scaled = weight - values.cast<double>();
  multiply_upper(pool, Op::none, factor, scaled);
  StoredLowRank factors = stored(best_low_rank(pool, scaled, factor, options.rank), options.factor_bits);
  const double loss = relative_loss(pool, weight, values, factors.u, factors.v, moments);
  return {std::move(quantized.codes),
          std::move(quantized.scales),
          std::move(factors.u),
          std::move(factors.v),
          loss,
          options.damping};
}

}  // namespace lrc
