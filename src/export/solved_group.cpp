#include "lrc/export/solved_group.hpp"

#include "lrc/core/dtype.hpp"
#include "lrc/quantization/grid/grid.hpp"

namespace lrc {
namespace {

// `linear`: whose values they are.
template <class Values>
Values rounded(Values values, Dtype dtype, const std::string& linear) {
  if (const auto beyond = first_beyond(dtype, {values.data(), static_cast<std::size_t>(values.size())})) {
    throw Error(fmt::format("{}: a bias, mean or factor of {:g} is no finite {}", linear, values.data()[*beyond],
                            name_of(dtype)));
  }
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = rounded_to(dtype, values.data()[i]);
  return values;
}

// What low_rank.safetensors adds to the rows from `row` on of a stack.
void add_center_bias(const QuantizedStack& solved, Index row, Linear& linear) {
  if (solved.center_bias.size() == 0) return;
  const Index rows = linear.weight.rows();
  if (linear.bias.size() == 0) linear.bias = VectorF::Zero(rows);
  linear.bias += rounded(VectorF(solved.center_bias.segment(row, rows)), Dtype::f16, linear.name);
}

void put_stack(const QuantizedStack& solved, const LinearStack& stack, const QuantizedFormat& format,
               ExportDtypes dtypes, LinearGroup& group) {
  require_fit(solved, stack, group.inputs(), format);
  const MatrixF weight =
      dequantized(solved.codes, solved.scales, solved.zero_points, format.weight_group_size);  // d_out×d_in
  const bool corrected = solved.u.values.cols() > 0;
  Branch branch{.v = solved.v.values, .u = {}, .first = stack.first};
  Index row = 0;
  for (std::size_t i = stack.first; i < stack.first + stack.count; ++i) {
    Linear& linear = group.linears[i];
    const Index rows = linear.weight.rows();
    linear.weight = weight.middleRows(row, rows);
    linear.bias = rounded(std::move(linear.bias), dtypes.biases, linear.name);
    MatrixF u = solved.u.values.middleRows(row, rows);
    if (format.native) {
      add_center_bias(solved, row, linear);
      branch.u.push_back(std::move(u));
    } else if (corrected) {
      linear.u = rounded(std::move(u), dtypes.adapter, linear.name);
      linear.v = rounded(unrotated(solved.v.values, group.rotation), dtypes.adapter, linear.name).transpose();
    }
    row += rows;
  }
  if (format.native && corrected) group.branches.push_back(std::move(branch));
}

}  // namespace

ActivationGrid input_grid(const QuantizedStack& solved, const QuantizedFormat& format) {
  if (solved.input_range.size() != 2) throw Error("a committed solve has no range of its inputs");
  return asymmetric_grid(solved.input_range[0], solved.input_range[1], format.activations.bits);
}

MatrixF unrotated(const MatrixF& v, const HadamardTransform* rotation) {
  MatrixF rows = v.transpose();
  if (rotation) rotation->apply_transposed(rows);
  return rows;
}

LinearGroup solved_group(LinearGroup group, const GroupLayout& layout, const QuantizedFormat& format,
                         ExportDtypes dtypes, const std::function<QuantizedStack(const std::string& stack)>& solved) {
  group.quantizer = format.activations;
  for (const LinearStack& stack : stacks_of(layout, format.stacked)) {
    const QuantizedStack solve = solved(stack.name);
    put_stack(solve, stack, format, dtypes, group);
    if (has_input_grids(format)) group.quantizer.grid = input_grid(solve, format);
    if (!format.native) continue;
    group.residual = format.residual;
    group.mean = rounded(solve.mean, Dtype::f16, layout.name);
  }
  return group;
}

}  // namespace lrc
