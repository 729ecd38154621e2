#include "lrc/model/forward/group_backward.hpp"

#include <cassert>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/group_forward.hpp"
#include "lrc/model/forward/rows.hpp"
#include "lrc/model/preparation.hpp"

namespace lrc {
namespace {

MatrixF multiplied(Execution& exec, Op op_a, Op op_b, const ConstViewF& a, const ConstViewF& b) {
  MatrixF c(op_a == Op::none ? a.rows() : a.cols(), op_b == Op::none ? b.cols() : b.rows());
  gemm(exec, op_a, op_b, 1.0F, a, b, 0.0F, c);
  return c;
}

// Σ over the rows of x, in their order.
VectorF column_sums(Execution& exec, const MatrixF& x) {
  constexpr Index kColumns = 64;
  VectorF sums(x.cols());
  exec.for_each(ceil_div(x.cols(), kColumns), [&](Index tile) {
    const Index first = tile * kColumns, count = std::min(kColumns, x.cols() - first);
    VectorD sum = VectorD::Zero(count);
    for (Index row = 0; row < x.rows(); ++row) sum += x.row(row).segment(first, count).transpose().cast<double>();
    sums.segment(first, count) = sum.cast<float>();
  });
  return sums;
}

// What the forward pass makes of a group's inputs, once more. A stage that leaves them as they are has no matrix of its
// own.
class PreparedInputs {
 public:
  PreparedInputs(Execution& exec, const LinearGroup& group, const MatrixF& inputs) : inputs_(inputs) {
    if (group.rotation || group.mean.size() > 0) centred_ = inputs;
    if (group.rotation) apply_rows(exec, *group.rotation, centred_);
    take_mean(exec, group.mean, centred_);
    if (group.residual) taken_ = centred();
    for (const Branch& branch : group.branches)
      inside_.push_back(group.residual ? take_directions(exec, branch.v, taken_)
                                       : multiplied(exec, Op::none, Op::none, centred(), branch.v));
    if (!group.quantizer.quantizes()) return;
    quantized_ = taken();
    quantize_rows(exec, group.quantizer, quantized_);
  }

  /// Rotated, without the mean; without what goes through a residual branch; quantized: tokens×d_in each.
  const MatrixF& centred() const { return centred_.size() > 0 ? centred_ : inputs_; }
  const MatrixF& taken() const { return taken_.size() > 0 ? taken_ : centred(); }
  const MatrixF& quantized() const { return quantized_.size() > 0 ? quantized_ : taken(); }
  /// centred · V of branch `i`: tokens×k.
  const MatrixF& inside(std::size_t i) const { return inside_[i]; }

 private:
  const MatrixF& inputs_;
  MatrixF centred_, taken_, quantized_;
  std::vector<MatrixF> inside_;
};

// The gradient of what the weights multiply: Σ of outputs · W, as far as the quantizer passes it.
MatrixF of_taken(Execution& exec, const LinearGroup& group, const PreparedInputs& prepared,
                 std::span<const MatrixF> outputs) {
  MatrixF gradient(outputs[0].rows(), group.inputs());
  for (std::size_t i = 0; i < outputs.size(); ++i)
    gemm(exec, Op::none, Op::none, 1.0F, outputs[i], group.linears[i].weight, i == 0 ? 0.0F : 1.0F, gradient);
  backward_quantize_rows(exec, group.quantizer, prepared.taken(), gradient);
  return gradient;
}

// Of branch `i`; `gradient` is that of `taken`, and becomes that of `centred`; both are empty where not wanted.
BranchGradient backward_branch(Execution& exec, const LinearGroup& group, std::size_t i, const PreparedInputs& prepared,
                               std::span<const MatrixF> outputs, const Wanted& wanted, MatrixF& gradient) {
  const Branch& branch = group.branches[i];
  BranchGradient result;
  for (std::size_t j = 0; wanted.u && j < branch.u.size(); ++j)
    result.u.push_back(multiplied(exec, Op::transpose, Op::none, outputs[branch.first + j], prepared.inside(i)));
  if (gradient.size() == 0 && !wanted.v) return result;
  MatrixF of_inside = MatrixF::Zero(prepared.inside(i).rows(), branch.v.cols());  // tokens×k
  for (std::size_t j = 0; j < branch.u.size(); ++j)
    gemm(exec, Op::none, Op::none, 1.0F, outputs[branch.first + j], branch.u[j], 1.0F, of_inside);
  if (group.residual) gemm(exec, Op::none, Op::none, -1.0F, gradient, branch.v, 1.0F, of_inside);
  if (wanted.v) {
    result.v = multiplied(exec, Op::transpose, Op::none, prepared.centred(), of_inside);
    if (group.residual) gemm(exec, Op::transpose, Op::none, -1.0F, gradient, prepared.inside(i), 1.0F, result.v);
  }
  if (gradient.size() > 0) gemm(exec, Op::none, Op::transpose, 1.0F, of_inside, branch.v, 1.0F, gradient);
  return result;
}

// Of one linear, whose inputs are `inputs` as they come and `quantized`; inputs_gradient (or none) += its correction's.
LinearGradient backward_linear(Execution& exec, const Linear& linear, const MatrixF& inputs, const MatrixF& quantized,
                               const MatrixF& outputs, const Wanted& wanted, MatrixF& inputs_gradient) {
  LinearGradient result;
  if (wanted.weights) result.weight = multiplied(exec, Op::transpose, Op::none, outputs, quantized);
  if (wanted.biases && linear.bias.size() > 0) result.bias = column_sums(exec, outputs);
  if (linear.u.cols() == 0) return result;
  if (wanted.u)
    result.u =
        multiplied(exec, Op::transpose, Op::none, outputs, multiplied(exec, Op::none, Op::none, inputs, linear.v));
  if (inputs_gradient.size() == 0 && !wanted.v) return result;
  const MatrixF of_inside = multiplied(exec, Op::none, Op::none, outputs, linear.u);  // of inputs · V: tokens×rank
  if (wanted.v) result.v = multiplied(exec, Op::transpose, Op::none, inputs, of_inside);
  if (inputs_gradient.size() > 0) gemm(exec, Op::none, Op::transpose, 1.0F, of_inside, linear.v, 1.0F, inputs_gradient);
  return result;
}

}  // namespace

void backward_quantize_rows(Execution& exec, const ActivationQuantizer& quantizer, const ConstViewF& x,
                            ViewF gradient) {
  if (!quantizer.quantizes()) return;
  exec.for_each(ceil_div(x.rows(), kRowTile), [&](Index tile) {
    const Index first = tile * kRowTile, rows = std::min(kRowTile, x.rows() - first);
    quantizer.backward(x.middleRows(first, rows), gradient.middleRows(first, rows));
  });
}

GroupGradient backward_group(Execution& exec, const LinearGroup& group, const MatrixF& inputs,
                             std::span<const MatrixF> outputs, const Wanted& wanted) {
  assert(inputs.cols() == group.inputs() && outputs.size() == group.linears.size());
  const PreparedInputs prepared(exec, group, inputs);
  GroupGradient result;
  if (wanted.inputs || (wanted.v && group.residual)) result.inputs = of_taken(exec, group, prepared, outputs);
  for (std::size_t i = 0; i < group.branches.size(); ++i)
    result.branches.push_back(backward_branch(exec, group, i, prepared, outputs, wanted, result.inputs));
  if (group.rotation && result.inputs.size() > 0) apply_rows_transposed(exec, *group.rotation, result.inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    result.linears.push_back(
        backward_linear(exec, group.linears[i], inputs, prepared.quantized(), outputs[i], wanted, result.inputs));
  if (!wanted.inputs) result.inputs.resize(0, 0);
  return result;
}

}  // namespace lrc
