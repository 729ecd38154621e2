#include "lrc/model/forward/group_forward.hpp"

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/rows.hpp"
#include "lrc/model/preparation.hpp"

namespace lrc {
namespace {

MatrixF projected(Execution& exec, const ConstViewF& x, const MatrixF& v) {
  MatrixF inside(x.rows(), v.cols());  // tokens×k: x V
  gemm(exec, Op::none, Op::none, 1.0F, x, v, 0.0F, inside);
  return inside;
}

// out = (x V) Uᵀ + b: the part that acts on the unquantized, unrotated inputs.
MatrixF correction(Execution& exec, const Linear& linear, const ConstViewF& x) {
  MatrixF out = MatrixF::Zero(x.rows(), linear.weight.rows());
  if (linear.bias.size() > 0) out.rowwise() = linear.bias.transpose();
  if (linear.u.cols() == 0) return out;
  gemm(exec, Op::none, Op::transpose, 1.0F, projected(exec, x, linear.v), linear.u, 1.0F, out);
  return out;
}

// outputs += (x V) Uᵀ, and, where the branch is residual, x −= (x V) Vᵀ.
void add_branch(Execution& exec, const Branch& branch, bool residual, ViewF x, std::vector<MatrixF>& outputs) {
  const MatrixF inside = residual ? take_directions(exec, branch.v, x) : projected(exec, x, branch.v);  // tokens×k
  for (std::size_t i = 0; i < branch.u.size(); ++i)
    gemm(exec, Op::none, Op::transpose, 1.0F, inside, branch.u[i], 1.0F, outputs[branch.first + i]);
}

}  // namespace

void quantize_rows(Execution& exec, const ActivationQuantizer& quantizer, ViewF x) {
  if (!quantizer.quantizes()) return;
  exec.for_each(ceil_div(x.rows(), kRowTile), [&](Index tile) {
    const Index first = tile * kRowTile;
    quantizer.apply(x.middleRows(first, std::min(kRowTile, x.rows() - first)));
  });
}

std::vector<MatrixF> forward_group(Execution& exec, const LinearGroup& group, ViewF x, const Observer& observe) {
  std::vector<MatrixF> outputs;  // one a linear: tokens×d_out
  for (const Linear& linear : group.linears) outputs.push_back(correction(exec, linear, x));
  if (group.rotation) apply_rows(exec, *group.rotation, x);
  if (observe.inputs) observe.inputs(group, x);
  take_mean(exec, group.mean, x);
  for (const Branch& branch : group.branches) add_branch(exec, branch, group.residual, x, outputs);
  quantize_rows(exec, group.quantizer, x);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    gemm(exec, Op::none, Op::transpose, 1.0F, x, group.linears[i].weight, 1.0F, outputs[i]);
  }
  if (observe.outputs) observe.outputs(group, outputs);
  return outputs;
}

}  // namespace lrc
