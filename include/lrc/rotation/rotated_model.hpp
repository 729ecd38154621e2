// A model rotated on the way in: the same function, with weights and activations that spread their outliers (QuaRot,
// arXiv 2404.00456). RMSNorm scales are fused into the linears that read them, in fp64; then
//   R1: the residual stream x becomes x Q, Q = diag(random signs) · H;
//   R2: every value head becomes v H_head, undone in o's input; or, instead of it, at run time one rotation over all
//       heads of o's input, which also evens out their energies, and is undone in o's weight;
//   R4: down's input becomes h H at run time, undone in down's weight.
#pragma once

#include <cstdint>
#include <string>

#include "lrc/linalg/hadamard.hpp"
#include "lrc/model/forward/online_rotations.hpp"
#include "lrc/model/model_on_model.hpp"

namespace lrc {

enum class RotationKind {
  none,     ///< the original model
  offline,  ///< R1 and R2: nothing to do at run time
  full      ///< R1, R2 and R4
};

class RotatedModel : public ModelOnModel {
 public:
  /// `below` must outlive this. `seed` draws the signs of R1. `rotates_heads`: over all heads at run time instead
  /// of R2; precondition: full.
  RotatedModel(const Model& below, RotationKind kind, bool rotates_heads, std::uint64_t seed);

  LinearGroup group(Index index, const GroupLayout& layout) const override;
  VectorF norm(Index index, GroupRole reader) const override;
  MatrixF router(Index index) const override;
  void embed(std::span<const std::int32_t> tokens, ViewF hidden) const override;
  VectorF final_norm() const override;
  MatrixF head_rows(Index first, Index rows) const override;

  const OnlineRotations& online_rotations() const { return online_; }

  /// How the rotations were constructed, for the log.
  std::string description() const;

 private:
  void rotate_residual(MatrixD& rows) const;
  void rotate_inputs(MatrixF& weight, const VectorF& norm) const;
  void rotate_outputs(Linear& linear) const;
  void rotate_value_heads(LinearGroup& qkv) const;
  void undo_value_heads(Linear& o) const;

  VectorD signs_;               // hidden_size
  HadamardTransform residual_;  // R1, without its signs
  HadamardTransform head_;      // R2
  OnlineRotations online_;
};

/// Bytes that rotating a linear takes beside its weight: two copies in doubles.
double rotating_bytes(const LinearLayout& linear);

}  // namespace lrc
