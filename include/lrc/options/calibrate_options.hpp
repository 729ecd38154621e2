// The options of lrc_calibrate, and what they mean to the modules.
#pragma once

#include <limits>
#include <string>

#include "lrc/calibration/shard.hpp"
#include "lrc/core/options.hpp"
#include "lrc/model/forward/activation_quantizer.hpp"
#include "lrc/model/layout.hpp"
#include "lrc/options/data_file.hpp"
#include "lrc/quantization/low_rank/rank.hpp"
#include "lrc/quantization/solve.hpp"
#include "lrc/quantization/team_grid.hpp"
#include "lrc/rotation/rotated_model.hpp"

namespace lrc {

/// Whose activations the statistics see.
enum class Propagated { original, quantized };

/// Whose loaders run the result: lrc's, or those of compressed-tensors and PEFT.
enum class Loaders { native, stock };

/// Ranks of a learned matrix of scales: a full one, and what the paper takes.
inline constexpr double kFullRank = std::numeric_limits<double>::infinity(), kPaperRank = 0;
/// A learning rate of the paper.
inline constexpr double kPaperRate = 0;

/// The number formats that arXiv 2407.11534 compares (presets.cpp): bits of weights and of activations.
enum class Scheme { none, w4a8, w8a8, w4a16, w3a16, w4a4 };

/// An activation clip that is fitted to each scale at run time.
inline constexpr double kFittedClip = 0;

struct CalibrateOptions {
  std::string model, output, checkpoint;
  DataFile data;
  Index sequences = 128, sequence_length = 2048;
  Loaders export_for = Loaders::native;
  bool paper = false;
  Method method = Method::lrc;
  double rank_fraction = 0.1;
  Index iterations = 1;
  Index weight_bits = 4, weight_group_size = 0;
  bool weight_zero_points = false;
  Range weight_range = Range::mse;
  Index activation_bits = 4, activation_group_size = 0;
  double activation_clip = 0.9;  // of the largest magnitude, or kFittedClip
  ActivationScale activation_scale = ActivationScale::absmax;
  int kv_bits = 16;
  Scheme scheme = Scheme::none;
  bool rotate_heads = false;
  bool center_activations = false, stack_groups = false, residual_activations = false, deflated = false;
  int factor_bits = 16;
  RotationKind rotation = RotationKind::full;
  Propagated propagate = Propagated::original;
  MomentKind moments = MomentKind::exact;
  double target_blend = 0.75;  // α of propagated_target.hpp
  double damping = 0.01;
  double smooth = 0;  // α of smoothed_model.hpp; 0 = not smoothed
  Index min_expert_tokens = 0;
  double lrq_rank = kPaperRank;  // below 1 a part of the smaller side, from 1 on a number; or a word's
  double learn_rate = kPaperRate;
  Index learn_steps = 5000, learn_batch = 2;
  Index seed = 0, threads = 0;
  double memory = 0;                       // bytes
  double solve_memory = 16.0 * (1 << 30);  // bytes
  Index team_inputs = 0;
  double time_limit = 0;  // seconds
  bool restart = false, allow_mixed = false;

  /// Where the scale is fixed, each group of linears has a grid of its own (has_measured_range).
  ActivationQuantizer quantizer() const;
  Statistics statistics() const;
  WeightGrid grid() const;
  std::string method_name() const;
  bool quantizes_activations() const { return activation_bits != 16; }
  bool has_measured_range() const { return quantizes_activations() && activation_scale == ActivationScale::fixed; }
  /// Whether codes are stored in words, and the bits of one there (quantized_format.hpp).
  bool packs_codes() const { return export_for != Loaders::stock || !weight_zero_points || !quantizes_activations(); }
  int stored_weight_bits() const { return packs_codes() ? static_cast<int>(weight_bits) : 8; }
  /// Whether inputs are prepared before they are quantized, or a range of all is, which takes a second pass over them.
  bool takes_two_passes() const { return changes_inputs() || has_measured_range(); }
  /// Whether their mean or directions are taken out of them.
  bool changes_inputs() const { return center_activations || residual_activations; }
  /// Whether a group's inputs come from the quantized groups before it.
  bool propagates() const { return propagate == Propagated::quantized; }
  /// Whether the original model's inputs are wanted beside these.
  bool measures_drift() const { return propagates() && target_blend > 0; }
  /// Whether the method learns block by block, with no moments.
  bool learns() const { return method == Method::lrq || method == Method::flexround; }
  /// Of a linear's learned matrix of scales; min(d_out, d_in) where it is full.
  Index scale_rank(Index d_out, Index d_in) const;
  /// Adam's, at the first step.
  double learning_rate(const ModelConfig& model) const;
  /// Whether the method has corrections, and whether linears get one.
  bool may_correct() const { return method == Method::lrc || method == Method::svd; }
  bool corrects() const { return may_correct() && rank_fraction > 0; }
  /// Whether the result has parts that a PEFT adapter can't express.
  bool is_native() const { return changes_inputs() || stack_groups || factor_bits != 16; }
  /// Of factors in 16 bits: stock loaders keep an adapter in bfloat16.
  Dtype factor_dtype() const { return export_for == Loaders::stock ? Dtype::bf16 : Dtype::f16; }
  /// Rank of the correction of a linear or a stack of them; 0 for methods without one.
  Index rank(const LinearStack& stack, Index d_in) const;
  /// Bits of a stack's bias and, with the first of its group, of the group's mean: 0 where inputs are not centred.
  double centring_bits(const LinearStack& stack, Index d_in) const;
  bool is_slow_alone(Index d_in) const { return team_inputs > 0 && d_in >= team_inputs; }
  /// The ranks that solve a linear together; 1×1 where one rank has the memory, and is not too slow. InputError where
  /// no team has it.
  GridShape solve_grid(const LinearStack& stack, Index d_in) const;
  SolveOptions solve_options(const std::string& name, Index rank) const;
};

/// The table that fills `options`, which must outlive it.
OptionTable option_table(CalibrateOptions& options);

/// Fills what has a default that depends on other options. Throws InputError naming the option that is missing.
void complete(CalibrateOptions& options);

/// Sets the run's time limit: the option's, or else what is left of the Slurm job (SLURM_JOB_END_TIME), less a margin
/// to end in order: a tenth, at most half a minute.
void set_time_limit(const CalibrateOptions& options);

/// The options that decide about the output's bytes: a checkpoint of others is refused.
nlohmann::ordered_json deciding_options(const OptionTable& table);

}  // namespace lrc
