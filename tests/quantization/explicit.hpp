// Naive references on explicit inputs.
#pragma once

#include <Eigen/QR>

#include "quantization/problem.hpp"

namespace lrc {

/// argmin over B of ‖target − B a‖
inline MatrixD least_squares(const MatrixD& target, const MatrixD& a) {
  if (a.rows() == 0) return MatrixD(target.rows(), 0);
  const Eigen::MatrixXd a_transposed = a.transpose();
  return a_transposed.colPivHouseholderQr().solve(Eigen::MatrixXd(target.transpose())).transpose();
}

/// `problem` with the activations quantized after the span of E (d_in×k) is taken out: Y = Q_a(X − E Eᵀ X).
inline Problem residual_problem(Problem problem, const MatrixD& e) {
  problem.y = quantized_tokens(MatrixD(problem.x - e * (e.transpose() * problem.x)));
  problem.moments.xy = problem.x * problem.y.transpose();
  problem.moments.yy = problem.y * problem.y.transpose();
  return problem;
}

/// Inputs as language models have them behind a Hadamard rotation: a mean that holds half of the energy, a spectrum
/// that falls as a power, a few heavy tokens; mixed over all channels.
inline Problem outlier_problem(Index d_out, Index d_in, Index tokens, unsigned seed) {
  Problem problem{random_matrix(d_out, d_in, seed), random_matrix(d_in, tokens, seed + 1), {}, {}};
  for (Index i = 0; i < d_in; ++i) problem.x.row(i) *= std::pow(1.0 + static_cast<double>(i), -0.6);
  const double deviation = std::sqrt(problem.x.squaredNorm() / static_cast<double>(tokens));
  problem.x.row(0).array() += deviation;
  for (Index t = 0; t < tokens; t += 37) problem.x.col(t) *= 3.0;
  const Eigen::MatrixXd random = random_matrix(d_in, d_in, seed + 2);
  problem.x = MatrixD(Eigen::MatrixXd(random.householderQr().householderQ()) * problem.x);
  problem.moments.xx = problem.x * problem.x.transpose();
  problem.moments.tokens = tokens;
  return residual_problem(std::move(problem), MatrixD(d_in, 0));
}

}  // namespace lrc
