// Which experts a token goes to.
#pragma once

#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// The tokens of one expert, ascending, and how much its output counts for each.
struct ExpertTokens {
  std::vector<Index> rows;
  std::vector<float> weights;
};

/// Softmax over the experts of x routerᵀ; the `per_token` largest (of equal ones the first) are kept and scaled to the
/// sum 1. x: tokens×hidden_size; router: experts×hidden_size. One entry an expert.
std::vector<ExpertTokens> route(Execution& exec, const MatrixF& router, Index per_token, const ConstViewF& x);

/// x_gradient (tokens×hidden_size) += what the gradients of the weights of route's `tokens` make of it: one entry an
/// expert, in the order of its rows. Which experts a token goes to is held fixed.
void backward_route(Execution& exec, const MatrixF& router, const std::vector<ExpertTokens>& tokens,
                    const std::vector<std::vector<float>>& weight_gradients, ViewF x_gradient);

}  // namespace lrc
