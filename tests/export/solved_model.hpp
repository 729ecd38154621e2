// A small random model whose solves are random, exported: what the tests of the files begin with.
#pragma once

#include <map>
#include <optional>
#include <random>

#include "lrc/core/dtype.hpp"
#include "lrc/export/exporter.hpp"
#include "lrc/quantization/balance.hpp"
#include "lrc/quantization/low_rank/factor_bits.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {

struct ExportCase {
  std::string family = "llama";
  bool stacked = false, centered = false, residual = false, rotated = false;
  int factor_bits = 16;
  Dtype adapter = Dtype::f16;
  Index rank = 5;          ///< of every stack
  Index weight_group = 0;  ///< input channels
  int weight_bits = 4;
  bool zero_points = false;                     ///< of the weights
  bool packed = true;                           ///< codes and zero points
  Index activation_group = 0;                   ///< channels of a token
  bool fitted = false;                          ///< a signed scale and a fitted clip
  std::optional<ActivationScale> asymmetric{};  ///< of 8 bits
  bool includes_zero = false;
  int kv_bits = 16;

  bool is_native() const { return stacked || centered || residual || factor_bits != 16; }
};

class SolvedModel {
 public:
  explicit SolvedModel(ExportCase what) : what_(std::move(what)) {
    write_random_model(directory_ / "model", random_model_config(what_.family, {{"attention_bias", true}}));
    original_.emplace(directory_ / "model");
    rotations_ = online_rotations(original_->config(), format().rotated_heads, format().online_rotation);
    for (Index block = 0; block < original_->config().blocks; ++block) {
      const BlockLayout layout = block_layout(original_->config(), block);
      for (const GroupLayout& group : layout.groups()) solve(group);
    }
  }

  const ExportCase& what() const { return what_; }
  const StoredModel& original() const { return *original_; }
  const QuantizedStack& solved(const std::string& stack) const { return solved_.at(stack); }
  QuantizedStack& solved(const std::string& stack) { return solved_.at(stack); }
  const OnlineRotations& rotations() const { return rotations_; }
  std::filesystem::path output() const { return directory_ / "out"; }

  QuantizedFormat format() const {
    return {.method = "lrc",
            .weight_bits = what_.weight_bits,
            .weight_group_size = what_.weight_group,
            .weight_zero_points = what_.zero_points,
            .packed = what_.packed,
            .activations = activations(),
            .kv_bits = what_.kv_bits,
            .online_rotation = what_.rotated,
            .rotated_heads = what_.rotated,
            .has_adapter = !what_.is_native(),
            .native = what_.is_native(),
            .stacked = what_.stacked,
            .centered = what_.centered,
            .residual = what_.residual,
            .bits_per_weight = 5};
  }

  ActivationQuantizer activations() const {
    if (what_.asymmetric)
      return {.bits = 8,
              .clip = 1,
              .group_size = what_.activation_group,
              .scale = *what_.asymmetric,
              .includes_zero = what_.includes_zero};
    return {.bits = 4,
            .clip = what_.fitted ? 1.0F : 0.9F,
            .group_size = what_.activation_group,
            .scale = what_.fitted ? ActivationScale::signed_absmax : ActivationScale::absmax,
            .fits_clip = what_.fitted};
  }

  void write() const {
    std::filesystem::create_directories(output());
    const Exporter exporter({.original = *original_,
                             .model = *original_,
                             .format = format(),
                             .kept_dtype = original_->config().dtype.value(),
                             .rotations = &rotations_,
                             .rank = [this](const LinearStack&, Index) { return what_.rank; },
                             .factor_bits = what_.factor_bits,
                             .adapter_dtype = what_.adapter,
                             .solved = [this](const std::string& stack) { return solved(stack); }},
                            output());
    for (Index shard = 0; shard < exporter.shards(); ++shard) exporter.write_shard(shard);
    exporter.write_adapter();
    exporter.write_low_rank();
    exporter.write_rest();
  }

  MatrixF random_matrix(Index rows, Index cols, float deviation) {
    std::normal_distribution<float> normal(0, deviation);
    MatrixF matrix(rows, cols);
    for (float& value : matrix.reshaped()) value = normal(random_);
    return matrix;
  }

 private:
  // A vector as fp16 holds it.
  VectorF random_half(Index size) {
    VectorF vector = random_matrix(size, 1, 0.5F);
    for (float& value : vector) value = rounded_to(Dtype::f16, value);
    return vector;
  }

  void solve(const GroupLayout& group) {
    const VectorF range{{-1 - std::abs(random_half(1)(0)), 2}};
    const VectorF mean = what_.centered ? random_half(group.inputs()) : VectorF();
    for (const LinearStack& stack : stacks_of(group, what_.stacked)) {
      SolveResult result = random_result(stack.rows, group.inputs());
      result.mean = mean;
      if (what_.asymmetric == ActivationScale::fixed) result.input_range = range;
      if (what_.centered) result.center_bias = random_half(stack.rows);
      const std::vector<Index> parts = part_rows(group, stack);
      if (parts.size() > 1) give_sizes(result, parts);
      solved_[stack.name] = std::move(result);
    }
  }

  // Each linear of the stack another one: 1/4, 1/2, 1.
  static void give_sizes(SolveResult& result, const std::vector<Index>& parts) {
    VectorF sizes(std::ssize(parts));
    for (Index i = 0; i < sizes.size(); ++i) sizes(i) = std::ldexp(1.0F, static_cast<int>(i) - 2);
    multiply_by_size(result, sizes, parts);
  }

  MatrixI8 random_codes(Index rows, Index cols, const WeightGrid& grid) {
    MatrixI8 codes(rows, cols);
    for (std::int8_t& code : codes.reshaped())
      code = static_cast<std::int8_t>(static_cast<int>(random_() % (1U << grid.bits)) + grid.lowest());
    return codes;
  }

  SolveResult random_result(Index rows, Index inputs) {
    const WeightGrid grid{.bits = what_.weight_bits, .group_size = what_.weight_group};
    SolveResult result{};
    result.codes = random_codes(rows, inputs, grid);
    result.scales = random_matrix(rows, grid.groups(inputs), 0.02F).cwiseAbs();
    if (what_.zero_points) {
      result.zero_points = random_codes(rows, grid.groups(inputs), grid);
    } else {
      for (float& scale : result.scales.reshaped()) scale = rounded_to(Dtype::bf16, scale);
    }
    const auto factor = [&](Index of, float deviation) {
      return stored_factor(MatrixD(random_matrix(of, what_.rank, deviation).cast<double>()), what_.factor_bits);
    };
    set_factors(result, {factor(rows, 0.3F), factor(inputs, 0.15F)});
    return result;
  }

  ExportCase what_;
  TemporaryDirectory directory_;
  std::mt19937 random_{11};
  std::optional<StoredModel> original_;
  OnlineRotations rotations_{};
  std::map<std::string, QuantizedStack> solved_;
};

}  // namespace lrc
