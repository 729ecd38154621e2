// A model directory in Hugging Face layout, original or quantized by lrc (its packed int4 weights and their low-rank
// adapter), read tensor by tensor.
#pragma once

#include <filesystem>
#include <optional>

#include "lrc/io/safetensors.hpp"
#include "lrc/model/layout.hpp"
#include "lrc/model/low_rank_file.hpp"
#include "lrc/model/model.hpp"
#include "lrc/model/online_rotations.hpp"
#include "lrc/model/quantized_format.hpp"

namespace lrc {

class StoredModel : public Model {
 public:
  /// Throws InputError where that is no model (model_directory.hpp), where a tensor is missing or has another shape or
  /// number format than config.json says, or where the file of a correction has one with no place in the model.
  explicit StoredModel(const std::filesystem::path& directory);

  const ModelConfig& config() const override { return config_; }
  LinearGroup group(Index index, const GroupLayout& layout) const override;
  VectorF norm(Index index, GroupRole reader) const override;
  VectorF head_norm(const std::string& name) const override;
  MatrixF router(Index index) const override;
  void embed(std::span<const std::int32_t> tokens, ViewF hidden) const override;
  VectorF final_norm() const override;
  MatrixF head_rows(Index first, Index rows) const override;

  /// Empty for an original model.
  const std::optional<QuantizedFormat>& quantized() const { return format_; }
  const TensorDirectory& tensors() const { return tensors_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  void check_tensors() const;
  void check_adapter() const;
  void check_block(const BlockLayout& layout) const;
  void check_linear(const LinearLayout& layout) const;
  const TensorInfo& embedding() const;
  const TensorInfo& head() const;
  MatrixF read_matrix(const TensorDirectory& from, const TensorInfo& info) const;
  MatrixF read_rows(const LinearLayout& layout) const;
  VectorF read_vector(const std::string& name) const;
  Linear read_linear(const LinearLayout& layout) const;
  MatrixF read_packed(const LinearLayout& layout) const;
  void read_correction(const LinearLayout& layout, Linear& linear) const;

  std::filesystem::path directory_;
  ModelConfig config_;
  std::optional<QuantizedFormat> format_;
  TensorDirectory tensors_;
  std::optional<TensorDirectory> adapter_;
  std::optional<LowRankFile> low_rank_;
  OnlineRotations rotations_{};
};

}  // namespace lrc
