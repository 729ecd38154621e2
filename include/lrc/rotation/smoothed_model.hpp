// A model that moves the outliers of its activations into its weights (SmoothQuant, arXiv 2211.10438): channel j of
// what a norm gives is divided by s_j through the norm's scale, and the columns j of what reads it are multiplied: the
// same function, but not the same quantization. A rotation fuses the norm again, and undoes it.
#pragma once

#include <map>

#include "lrc/model/model_on_model.hpp"

namespace lrc {

/// s of the inputs of qkv, and of those of gate_up, which the router and all experts share: blocks×hidden_size each.
using SmoothingScales = std::map<GroupRole, MatrixF>;

/// s_j = max|x_j|^α / max|w_j|^(1 − α) (equation 4), from the largest magnitude of each channel of the inputs, and of
/// each column of the weights that read it. Both, and s, are at least 1e-5. Preconditions: equal sizes, 0 ≤ α ≤ 1.
VectorF smoothing_scales(const VectorD& inputs, const VectorD& weights, double alpha);

class SmoothedModel : public ModelOnModel {
 public:
  /// `below` must outlive this. `scales`: of qkv and gate_up, positive.
  SmoothedModel(const Model& below, SmoothingScales scales);

  LinearGroup group(Index index, const GroupLayout& layout) const override;
  /// Rounded to the number format of the model, which is what a loader will have of it. The weights make that good: s
  /// is what the norm was over what it is.
  VectorF norm(Index index, GroupRole reader) const override;
  MatrixF router(Index index) const override;

 private:
  void multiply_inputs(MatrixF& weight, Index index, GroupRole reader) const;

  SmoothingScales scales_;
};

}  // namespace lrc
