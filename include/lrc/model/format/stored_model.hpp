// A model directory in Hugging Face layout, original or quantized by lrc (its packed int4 weights and their low-rank
// adapter), read tensor by tensor.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lrc/io/safetensors.hpp"
#include "lrc/model/format/low_rank_file.hpp"
#include "lrc/model/format/quantized_format.hpp"
#include "lrc/model/forward/online_rotations.hpp"
#include "lrc/model/layout.hpp"
#include "lrc/model/model.hpp"

namespace lrc {

/// Elements of a tensor that a rank reads at a time to check it.
inline constexpr Index kCheckedAtOnce = Index{1} << 22;

class StoredModel : public Model {
 public:
  /// Throws InputError where that is no model (model_directory.hpp), where a tensor is missing or has another shape or
  /// number format than config.json says, or where the file of a correction has one with no place in the model. What
  /// config.json doesn't say the tensors do: the number format of the weights; of a tied model, whether lm_head is the
  /// embedding or one of its own.
  explicit StoredModel(const std::filesystem::path& directory);

  const ModelConfig& config() const override { return config_; }
  LinearGroup group(Index index, const GroupLayout& layout) const override;
  VectorF norm(Index index, GroupRole reader) const override;
  VectorF head_norm(const std::string& name) const override;
  MatrixF router(Index index) const override;
  void embed(std::span<const std::int32_t> tokens, ViewF hidden) const override;
  int kv_bits() const override { return format_ ? format_->kv_bits : 16; }
  VectorF final_norm() const override;
  MatrixF head_rows(Index first, Index rows) const override;

  /// Empty for an original model.
  const std::optional<QuantizedFormat>& quantized() const { return format_; }
  const TensorDirectory& tensors() const { return tensors_; }
  /// What the model is made of, sorted by name. No other tensor is ever read.
  std::vector<TensorInfo> needed() const;
  /// Names of tensors that have no place in a model of this config.json, but for those that its kind of model had once.
  std::vector<std::string> unread() const;
  /// A tensor of the model, or nullptr where it is not stored. A base model that was saved alone has no "model." before
  /// its tensors' names; one that was saved as a part of something has one too many.
  const TensorInfo* find(const std::string& name) const;
  const std::filesystem::path& directory() const { return directory_; }

 private:
  void check_tensors();
  void check_adapter() const;
  void check_block(const BlockLayout& layout);
  void check_linear(const LinearLayout& layout);
  void need(const TensorInfo& info, const std::vector<Index>& shape, std::optional<Dtype> integers = {});
  void need(const std::string& name, const std::vector<Index>& shape) { need(at(name), shape); }
  const TensorInfo& at(const std::string& name) const;
  const TensorInfo& embedding() const;
  const TensorInfo& head() const;
  MatrixF read_matrix(const TensorDirectory& from, const TensorInfo& info) const;
  MatrixF read_rows(const LinearLayout& layout) const;
  VectorF read_vector(const std::string& name) const;
  Linear read_linear(const LinearLayout& layout) const;
  MatrixF read_quantized(const LinearLayout& layout) const;
  std::string codes_name(const LinearLayout& layout) const;
  std::vector<std::int32_t> read_words(const TensorInfo& info) const;
  ActivationGrid read_input_grid(const LinearLayout& layout) const;
  void check_input_grid(const LinearLayout& layout);
  std::vector<std::int8_t> read_bytes(const TensorInfo& info) const;
  void read_correction(const LinearLayout& layout, Linear& linear) const;

  std::filesystem::path directory_;
  ModelConfig config_;
  std::optional<QuantizedFormat> format_;
  TensorDirectory tensors_;
  std::set<std::string> needed_;
  std::optional<TensorDirectory> adapter_;
  std::optional<LowRankFile> low_rank_;
  OnlineRotations rotations_{};
};

}  // namespace lrc
