#include "lrc/pipeline/output_format.hpp"

namespace lrc {
namespace {

// All that is stored of a stack: codes, scales, zero points, factors, and, where inputs are centred, W μ, and μ with
// the group's first stack.
double bits_of(const CalibrateOptions& options, const GroupLayout& group, const LinearStack& stack) {
  constexpr double kSizeBits = 32, kInputGridBits = 32 + 8;  // a scale and a zero point
  const Index inputs = group.inputs(), rank = options.rank(stack, inputs);
  double bits = stored_bits(stack.rows, inputs, options.stored_weight_bits(), options.grid().groups(inputs), rank,
                            options.factor_bits) +
                factor_scale_bits(rank, options.factor_bits) + options.centring_bits(stack, inputs);
  if (options.weight_zero_points)
    bits += zero_point_bits(stack.rows, options.grid().groups(inputs), options.stored_weight_bits());
  if (options.has_measured_range()) bits += kInputGridBits * static_cast<double>(stack.count);
  const std::size_t parts = part_rows(group, stack).size();
  if (rank > 0 && parts > 1) bits += kSizeBits * static_cast<double>(parts);
  return bits;
}

}  // namespace

QuantizedFormat format_of(const Problem& problem) {
  const CalibrateOptions& options = problem.options;
  double bits = 0, weights = 0;
  bool corrected = false;
  for_each_solve(problem, [&](const SolveTask& task) {
    const auto& [block, group, stack] = task;
    bits += bits_of(options, group, stack);
    weights += static_cast<double>(stack.rows) * static_cast<double>(group.inputs());
    corrected = corrected || options.rank(stack, group.inputs()) > 0;
  });
  QuantizedFormat format{.method = options.method_name(),
                         .weight_bits = static_cast<int>(options.weight_bits),
                         .weight_group_size = options.weight_group_size,
                         .weight_zero_points = options.weight_zero_points,
                         .packed = options.packs_codes(),
                         .activations = options.quantizer(),
                         .kv_bits = options.kv_bits,
                         .online_rotation = options.rotation == RotationKind::full,
                         .rotated_heads = options.rotate_heads,
                         .has_adapter = corrected && !options.is_native(),
                         .native = options.is_native(),
                         .stacked = options.stack_groups,
                         .centered = options.center_activations,
                         .residual = options.residual_activations,
                         .bits_per_weight = bits / weights};
  format.stock = has_stock_words(format, problem.model.config());
  return format;
}

}  // namespace lrc
