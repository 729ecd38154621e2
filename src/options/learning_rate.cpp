// Learning rates of arXiv 2407.11534, by method, number format and size of the model.
#include <array>

#include "lrc/options/calibrate_options.hpp"

namespace lrc {
namespace {

double parameters(const ModelConfig& model) {
  double of_block = 0;
  for (const GroupLayout& group : block_layout(model, 0).groups()) of_block += weights(group);
  return of_block * static_cast<double>(model.blocks);
}

// Of models up to about 7, 13 and 70 billion parameters.
using Rates = std::array<double, 3>;

Rates rates_of(const CalibrateOptions& o) {
  const bool is_lrq = o.method == Method::lrq;
  if (o.quantizes_activations()) return is_lrq ? Rates{5e-4, 5e-4, 4e-4} : Rates{5e-4, 4e-4, 5e-4};
  if (o.weight_bits < 4) return is_lrq ? Rates{6e-4, 5e-4, 5e-4} : Rates{2.5e-3, 5e-4, 5e-4};
  return is_lrq ? Rates{9e-4, 6e-4, 5e-4} : Rates{3e-3, 7e-4, 5e-4};
}

}  // namespace

double CalibrateOptions::learning_rate(const ModelConfig& model) const {
  if (learn_rate != kPaperRate) return learn_rate;
  const double size = parameters(model);
  return rates_of(*this).at(size < 10e9 ? 0 : size < 40e9 ? 1 : 2);
}

Index CalibrateOptions::scale_rank(Index d_out, Index d_in) const {
  constexpr Index kWide = 8192, kPaper = 1024, kPaperOfWide = 2048;
  const Index smaller = std::min(d_out, d_in);
  if (method == Method::flexround || lrq_rank == kFullRank) return smaller;
  if (lrq_rank == kPaperRank) return std::min(smaller, smaller >= kWide ? kPaperOfWide : kPaper);
  return lrq_rank < 1 ? std::max<Index>(1, static_cast<Index>(lrq_rank * static_cast<double>(smaller)))
                      : std::min(smaller, static_cast<Index>(lrq_rank));
}

}  // namespace lrc
