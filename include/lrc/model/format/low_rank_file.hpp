// low_rank.safetensors beside a quantized model: corrections and means that a PEFT adapter can't express.
//
//   STACK.u, STACK.v               d_out×k, d_in×k: F16, or I8 with one scale a column in STACK.u_scale, STACK.v_scale;
//                                  neither where the rank is 0
//   STACK.u_size                   parts: where a stack has several linears, or fused ones, what the rows of each in u
//                                  are times
//   STACK.center_bias              d_out: W μ
//   GROUP.mean                     d_in: μ
#pragma once

#include <filesystem>
#include <vector>

#include "lrc/io/safetensors.hpp"
#include "lrc/model/format/quantized_format.hpp"
#include "lrc/model/layout.hpp"

namespace lrc {

inline constexpr const char* kLowRankFile = "low_rank.safetensors";

class LowRankFile {
 public:
  LowRankFile(const std::filesystem::path& directory, const QuantizedFormat& format);

  /// Throws InputError naming file and tensor: one is missing, has another shape or number format, no place in the
  /// model, a rank beyond 1 … d_in, or, of all but factors, a value that is not finite. (Those of
  /// factors are refused when they are read.)
  void check(const ModelConfig& config) const;
  /// Adds to the linears as they are stored what this file has for them.
  void complete(const GroupLayout& layout, LinearGroup& group) const;

 private:
  void check(const GroupLayout& layout) const;
  MatrixF left_factor(const GroupLayout& layout, const LinearStack& stack) const;
  MatrixF factor(const std::string& name, Index rows) const;

  TensorDirectory tensors_;
  QuantizedFormat format_;
};

}  // namespace lrc
