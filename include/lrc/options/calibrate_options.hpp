// The options of lrc_calibrate, and what they mean to the modules.
#pragma once

#include <string>

#include "lrc/calibration/shard.hpp"
#include "lrc/core/options.hpp"
#include "lrc/model/activation_quantizer.hpp"
#include "lrc/model/layout.hpp"
#include "lrc/options/data_file.hpp"
#include "lrc/quantization/rank.hpp"
#include "lrc/quantization/solve.hpp"
#include "lrc/quantization/team_grid.hpp"
#include "lrc/rotation/rotated_model.hpp"

namespace lrc {

struct CalibrateOptions {
  std::string model, output, checkpoint;
  DataFile data;
  Index sequences = 128, sequence_length = 2048;
  std::string export_for = "native";
  bool paper = false;
  std::string method = "lrc";
  double rank_fraction = 0.1;
  std::string rank_allocation = "uniform";
  Index iterations = 1;
  Index weight_bits = 4, weight_group_size = 0;
  Index activation_bits = 4, activation_group_size = 0;
  std::string activation_clip = "0.9";
  std::string activation_scale = "absmax";
  bool rotate_heads = false;
  bool center_activations = false, stack_groups = false, residual_activations = false, deflated = false;
  std::string residual_directions = "mixed";
  Index factor_bits = 16;
  std::string rotation = "full", propagate = "original", moments = "exact";
  double target_blend = 0.75;  // α of propagated_target.hpp
  double damping = 0.01;
  Index min_expert_tokens = 0;
  Index seed = 0, threads = 0;
  double memory = 0;                       // bytes
  double solve_memory = 16.0 * (1 << 30);  // bytes
  Index group_inputs = 0;
  double time_limit = 0;  // seconds
  bool restart = false, allow_mixed = false;

  ActivationQuantizer quantizer() const;
  Statistics statistics() const;
  RotationKind rotation_kind() const;
  Method solve_method() const;
  WeightGrid grid() const;
  /// Whether the clip ratio is chosen for each group, out of clips().
  bool chooses_clip() const { return activation_clip == "auto"; }
  /// Whether each scale has its own, found at run time.
  bool fits_clip() const { return activation_clip == "fitted"; }
  std::vector<float> clips() const;
  /// Whether inputs are prepared before they are quantized, which takes a second pass over them.
  bool prepares_inputs() const { return center_activations || residual_activations || chooses_clip(); }
  /// Whether a group's inputs come from the quantized groups before it.
  bool propagates() const { return propagate == "quantized"; }
  /// Whether linears get a correction at all.
  bool has_low_rank() const { return (method == "lrc" || method == "svd") && rank_fraction > 0; }
  /// Whether the result has parts that a PEFT adapter can't express.
  bool is_native() const { return prepares_inputs() || stack_groups || factor_bits != 16; }
  /// Of factors in 16 bits: stock loaders keep an adapter in bfloat16.
  Dtype factor_dtype() const { return export_for == "stock" ? Dtype::bf16 : Dtype::f16; }
  /// Whether each stack has a rank of its own, which follows from the spectra of all.
  bool allocates_ranks() const { return rank_allocation == "adaptive"; }
  /// Uniform rank of the correction of a linear or a stack of them; 0 for methods without one.
  Index rank(const LinearStack& stack, Index d_in) const;
  /// The largest that it may have where ranks are allocated; elsewhere the same.
  Index largest_rank(const LinearStack& stack, Index d_in) const;
  /// Bits of a stack's bias and, with the first of its group, of the group's mean: 0 where inputs are not centred.
  double centring_bits(const LinearStack& stack, Index d_in) const;
  bool is_slow_alone(Index d_in) const { return group_inputs > 0 && d_in >= group_inputs; }
  /// The ranks that solve a linear together; 1×1 where one rank has the memory, and is not too slow.
  GridShape solve_grid(const LinearStack& stack, Index d_in) const;
  SolveOptions solve_options(const std::string& name, Index rank) const;
};

/// The table that fills `options`, which must outlive it.
OptionTable option_table(CalibrateOptions& options);

/// Fills what has a default that depends on other options, and throws InputError naming the option for what is missing,
/// does not go together or does not exist yet.
void complete(CalibrateOptions& options);

/// Throws InputError naming the option that does not go with the model: --min-expert-tokens where there are no experts;
/// --export-for stock where its loaders don't run the model: one with experts, which transformers fuses and whose
/// inputs it then doesn't quantize, or one whose linears' inputs are not divided by the groups that share a scale.
void demand_model(const CalibrateOptions& options, const ModelConfig& config);

/// Sets the run's time limit: the option's, or else what is left of the Slurm job (SLURM_JOB_END_TIME), less a margin
/// to end in order: a tenth, at most half a minute.
void set_time_limit(const CalibrateOptions& options);

/// The options that decide about the output's bytes: a checkpoint of others is refused.
nlohmann::ordered_json deciding_options(const OptionTable& table);

}  // namespace lrc
