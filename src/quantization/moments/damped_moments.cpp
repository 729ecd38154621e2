#include "lrc/quantization/moments/damped_moments.hpp"

#include <algorithm>

namespace lrc {
namespace {

double weighted_mean(double weight, const VectorD& values) {
  double sum = 0;
  for (Index i = 0; i < values.size(); ++i) sum += values(i);
  return weight * sum / static_cast<double>(std::max<Index>(1, values.size()));
}

}  // namespace

template <class Matrix>
double mean_diagonal(const Matrix& moments) {
  return weighted_mean(1.0, moments.diagonal());
}

template <class Matrix>
double damping_term(const Matrix& moments, double damping) {
  return weighted_mean(damping, moments.diagonal());
}

template <class Matrix>
Matrix damped(Execution& exec, const Matrix& moments, double damping) {
  Matrix result = moments;
  add_to_diagonal(exec, damping_term(moments, damping), result);
  return result;
}

template <class Matrix>
Matrix raised_root(Execution& exec, const Matrix& moments, double lambda) {
  Matrix root = moments;
  add_to_diagonal(exec, lambda, root);
  upper_cholesky(exec, root);
  return root;
}

template <class Matrix>
Matrix damped_root(Execution& exec, const Matrix& moments, double damping) {
  return raised_root(exec, moments, damping_term(moments, damping));
}

template double mean_diagonal(const MatrixD&);
template double mean_diagonal(const DistributedMatrix&);
template double damping_term(const MatrixD&, double);
template double damping_term(const DistributedMatrix&, double);
template MatrixD damped(Execution&, const MatrixD&, double);
template DistributedMatrix damped(Execution&, const DistributedMatrix&, double);
template MatrixD raised_root(Execution&, const MatrixD&, double);
template DistributedMatrix raised_root(Execution&, const DistributedMatrix&, double);
template MatrixD damped_root(Execution&, const MatrixD&, double);
template DistributedMatrix damped_root(Execution&, const DistributedMatrix&, double);

}  // namespace lrc
