#include "lrc/rotation/rotated_model.hpp"

#include <cassert>

namespace lrc {
namespace {

constexpr std::uint64_t kResidualStream = 1;  // of the seed's random numbers

// Rotates each stretch of `transform.size()` channels of every row.
void rotate_stretches(const HadamardTransform& transform, ViewD rows) {
  const Index n = transform.order();
  assert(rows.cols() % n == 0);
  for (Index first = 0; first < rows.cols(); first += n) transform.apply(rows.middleCols(first, n));
}

// Calls `rotate` on the weight: the inputs as columns.
template <class Rotate>
void change_inputs(MatrixF& weight, const Rotate& rotate) {
  MatrixD rows = weight.cast<double>();  // d_out×d_in
  rotate(rows);
  weight = rows.cast<float>();
}

// Calls `rotate` on the transpose of the linear's [weight, bias]: the outputs as columns.
template <class Rotate>
void change_outputs(Linear& linear, const Rotate& rotate) {
  MatrixD columns = linear.weight.transpose().cast<double>();  // d_in×d_out
  rotate(columns);
  linear.weight = columns.transpose().cast<float>();
  if (linear.bias.size() == 0) return;
  MatrixD bias = linear.bias.transpose().cast<double>();  // 1×d_out
  rotate(bias);
  linear.bias = bias.transpose().cast<float>();
}

// W ← W H, for the inputs x H.
void rotate_at_run_time(LinearGroup& group, const HadamardTransform& rotation) {
  change_inputs(group.linears[0].weight, [&](MatrixD& rows) { rotation.apply(rows); });
  group.rotation = &rotation;
}

}  // namespace

RotatedModel::RotatedModel(const Model& below, RotationKind kind, bool rotates_heads, std::uint64_t seed)
    : ModelOnModel(below),
      signs_(random_signs(below.config().hidden_size, seed, kResidualStream)),
      residual_(below.config().hidden_size),
      head_(below.config().head_dim),
      online_(lrc::online_rotations(below.config(), rotates_heads, kind == RotationKind::full)) {
  assert(kind == RotationKind::full || (kind == RotationKind::offline && !rotates_heads));
}

void RotatedModel::rotate_residual(MatrixD& rows) const {
  rows.array().rowwise() *= signs_.transpose().array();
  residual_.apply(rows);
}

// W ← W diag(norm) Q: the linear now reads the rotated, unscaled residual stream.
void RotatedModel::rotate_inputs(MatrixF& weight, const VectorF& norm) const {
  change_inputs(weight, [&](MatrixD& rows) {
    rows.array().rowwise() *= norm.cast<double>().transpose().array();
    rotate_residual(rows);
  });
}

// W ← Qᵀ W, b ← b Q: the linear now writes the rotated residual stream.
void RotatedModel::rotate_outputs(Linear& linear) const {
  change_outputs(linear, [this](MatrixD& columns) { rotate_residual(columns); });
}

// The values are the last outputs of a group of q, k and v, whether they are a linear of their own or not.
void RotatedModel::rotate_value_heads(LinearGroup& qkv) const {
  const Index values = config().key_size();
  change_outputs(qkv.linears.back(), [&](MatrixD& columns) { rotate_stretches(head_, columns.rightCols(values)); });
}

void RotatedModel::undo_value_heads(Linear& o) const {
  change_inputs(o.weight, [this](MatrixD& rows) { rotate_stretches(head_, rows); });
}

LinearGroup RotatedModel::group(Index index, const GroupLayout& layout) const {
  LinearGroup group = below().group(index, layout);
  switch (layout.role) {
    case GroupRole::qkv:
    case GroupRole::gate_up: {
      const VectorF norm = below().norm(index, layout.role);
      for (Linear& linear : group.linears) rotate_inputs(linear.weight, norm);
      if (layout.role == GroupRole::qkv && !online_.heads) rotate_value_heads(group);
      break;
    }
    case GroupRole::attention_out:
      if (!online_.heads) undo_value_heads(group.linears[0]);
      rotate_outputs(group.linears[0]);
      break;
    case GroupRole::down:
      rotate_outputs(group.linears[0]);
      break;
  }
  if (const HadamardTransform* rotation = online_.of(layout.role)) rotate_at_run_time(group, *rotation);
  return group;
}

MatrixF RotatedModel::router(Index index) const {
  MatrixF router = below().router(index);
  if (router.rows() > 0) rotate_inputs(router, below().norm(index, GroupRole::gate_up));
  return router;
}

VectorF RotatedModel::norm(Index, GroupRole) const { return VectorF::Ones(config().hidden_size); }

void RotatedModel::embed(std::span<const std::int32_t> tokens, ViewF hidden) const {
  below().embed(tokens, hidden);
  MatrixD rows = hidden.cast<double>();
  rotate_residual(rows);
  hidden = rows.cast<float>();
}

VectorF RotatedModel::final_norm() const { return VectorF::Ones(config().hidden_size); }

MatrixF RotatedModel::head_rows(Index first, Index rows) const {
  MatrixF head = below().head_rows(first, rows);
  rotate_inputs(head, below().final_norm());
  return head;
}

std::string RotatedModel::description() const {
  const auto named = [](const char* name, const HadamardTransform& rotation) {
    return fmt::format("{} {} ({})", name, rotation.order(), rotation.description());
  };
  std::string text =
      named("R1", residual_) + ", " + (online_.heads ? named("heads", *online_.heads) : named("R2", head_));
  return online_.down ? text + ", " + named("R4", *online_.down) : text;
}

double rotating_bytes(const LinearLayout& linear) {
  return 2 * sizeof(double) * static_cast<double>(linear.rows) * static_cast<double>(linear.cols);
}

}  // namespace lrc
