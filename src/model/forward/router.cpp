#include "lrc/model/forward/router.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "lrc/linalg/gemm.hpp"

namespace lrc {

std::vector<ExpertTokens> route(Execution& exec, const MatrixF& router, Index per_token, const ConstViewF& x) {
  const Index experts = router.rows();
  assert(x.cols() == router.cols() && 1 <= per_token && per_token <= experts);
  MatrixF logits(x.rows(), experts);  // tokens×experts
  gemm(exec, Op::none, Op::transpose, 1.0F, x, router, 0.0F, logits);
  std::vector<ExpertTokens> tokens(static_cast<std::size_t>(experts));
  std::vector<Index> order(static_cast<std::size_t>(experts));
  std::vector<double> share(static_cast<std::size_t>(per_token));
  for (Index row = 0; row < x.rows(); ++row) {
    const float* logit = &logits(row, 0);
    std::iota(order.begin(), order.end(), Index{0});
    std::partial_sort(order.begin(), order.begin() + per_token, order.end(),
                      [&](Index a, Index b) { return logit[a] > logit[b] || (logit[a] == logit[b] && a < b); });
    // The softmax over all experts, renormalized over the chosen, is the softmax over the chosen.
    double sum = 0;
    for (std::size_t i = 0; i < share.size(); ++i) {
      share[i] = std::exp(static_cast<double>(logit[order[i]]) - static_cast<double>(logit[order[0]]));
      sum += share[i];
    }
    for (std::size_t i = 0; i < share.size(); ++i) {
      ExpertTokens& expert = tokens[static_cast<std::size_t>(order[i])];
      expert.rows.push_back(row);
      expert.weights.push_back(static_cast<float>(share[i] / sum));
    }
  }
  return tokens;
}

// A softmax over the chosen: the gradient of a logit is w·(g − Σ w·g) over the token's experts.
void backward_route(Execution& exec, const MatrixF& router, const std::vector<ExpertTokens>& tokens,
                    const std::vector<std::vector<float>>& weight_gradients, ViewF x_gradient) {
  assert(weight_gradients.size() == tokens.size() && static_cast<Index>(tokens.size()) == router.rows());
  MatrixF logits = MatrixF::Zero(x_gradient.rows(), router.rows());  // their gradients: tokens×experts
  VectorF means = VectorF::Zero(x_gradient.rows());                  // Σ w·g of each token
  const auto for_each_choice = [&](const auto& visit) {
    for (std::size_t expert = 0; expert < tokens.size(); ++expert) {
      const auto& [rows, weights] = tokens[expert];
      assert(weight_gradients[expert].size() == rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i)
        visit(rows[i], static_cast<Index>(expert), weights[i], weight_gradients[expert][i]);
    }
  };
  for_each_choice([&](Index row, Index, float weight, float gradient) { means[row] += weight * gradient; });
  for_each_choice([&](Index row, Index expert, float weight, float gradient) {
    logits(row, expert) = weight * (gradient - means[row]);
  });
  gemm(exec, Op::none, Op::none, 1.0F, logits, router, 1.0F, x_gradient);
}

}  // namespace lrc
