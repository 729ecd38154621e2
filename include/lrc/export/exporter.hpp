// The quantized model as a directory: the pack-quantized layout of compressed-tensors, or int-quantized where the
// format is not packed, with the low-rank factors beside it. What others can load is where their loaders look, the rest
// is not (weights_file in quantized_format.hpp).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lrc/io/safetensors.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/quantization/quantized_stack.hpp"

namespace lrc {

/// Throws Error naming the stack where its solve does not have the size of its linears, stack.rows×inputs, or not the
/// zero points of the format.
void require_fit(const QuantizedStack& solved, const LinearStack& stack, Index inputs, const QuantizedFormat& format);

struct ExportSource {
  const StoredModel& original;  ///< config.json, tokenizer files
  const Model& model;           ///< the model that was calibrated: original, or rotated
  QuantizedFormat format;
  Dtype kept_dtype = Dtype::f32;                                    ///< F32, F16 or BF16, of what stays unquantized
  const OnlineRotations* rotations;                                 ///< of `model`, or nullptr
  std::function<Index(const LinearStack& stack, Index d_in)> rank;  ///< of its correction
  int factor_bits = 16;
  Dtype adapter_dtype = Dtype::f16;                                ///< of the adapter's factors: F16 or BF16
  std::function<QuantizedStack(const std::string& stack)> solved;  ///< the committed solve of a stack
};

/// The files that are copied from a model's directory as they are: those of the tokenizer, as far as they are there.
std::vector<std::string> tokenizer_files(const std::filesystem::path& model);

/// README.md of a model of this format: what runs it, and how.
std::string usage_text(const QuantizedFormat& format);

/// Writes the directory in parts that any rank can do: the files, and their bytes, depend on the source alone.
class Exporter {
 public:
  /// `directory` exists.
  Exporter(ExportSource source, std::filesystem::path directory);

  /// Weight files; each holds whole blocks and at most 5 GB, unless one block is larger.
  Index shards() const { return static_cast<Index>(shards_.size()); }
  void write_shard(Index shard) const;

  /// adapter/: lora_A = Vᵀ in the basis before the online rotation, lora_B = U. Nothing where the format has
  /// none.
  void write_adapter() const;

  /// low_rank.safetensors (low_rank_file.hpp), where the format has it.
  void write_low_rank() const;

  /// config.json, the index of the weight files, the tokenizer's files, README.md.
  void write_rest() const;

 private:
  /// What belongs together in one file: the embedding, a block, or the final norm with lm_head.
  struct Part {
    std::vector<TensorInfo> tensors;
    std::function<void(SafetensorsWriter&)> write;
  };

  Part embedding_part() const;
  Part block_part(Index block) const;
  std::vector<TensorInfo> block_tensors(const BlockLayout& layout) const;
  void append_quantized(const LinearLayout& linear, std::vector<TensorInfo>& tensors) const;
  void write_block(SafetensorsWriter& writer, Index block, const BlockLayout& layout) const;
  Part head_part() const;
  std::string shard_name(Index shard) const;
  void write_index() const;
  void write_table(SafetensorsWriter& writer, const std::function<MatrixF(Index first, Index rows)>& rows) const;
  void write_linear(SafetensorsWriter& writer, const QuantizedStack& solved, Index first, const VectorF& bias,
                    const LinearLayout& layout) const;
  void write_config() const;
  void copy_tokenizer() const;

  ExportSource source_;
  std::filesystem::path directory_, weights_;  // the second one is where a single file of weights is
  std::vector<std::vector<Part>> shards_;
};

}  // namespace lrc
