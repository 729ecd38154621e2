// The rank of every stack's correction.
#pragma once

#include <map>
#include <string>

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/model/layout.hpp"
#include "lrc/options/calibrate_options.hpp"

namespace lrc {

class StackRanks {
 public:
  /// What the options give to a stack of its shape.
  explicit StackRanks(const CalibrateOptions& options) : options_(&options) {}

  /// The bits of these ranks, spent anew where the spectra in the checkpoint, which has those of all groups, say that
  /// they buy most. A stack's loss counts relative to its output's power, times the root of the power that its branch
  /// (attention, the MLP, an expert) adds to the residual stream.
  static StackRanks allocated(const CalibrateOptions& options, const ModelConfig& model, Checkpoint& checkpoint);

  Index of(const LinearStack& stack, Index d_in) const {
    return own_.empty() ? options_->rank(stack, d_in) : own_.at(stack.name);
  }

 private:
  const CalibrateOptions* options_;
  std::map<std::string, Index> own_;  // by the stack's name; empty: uniform
};

}  // namespace lrc
