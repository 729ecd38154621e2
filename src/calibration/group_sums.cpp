#include "lrc/calibration/group_sums.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/model/forward/group_forward.hpp"

namespace lrc {

TokenSums::TokenSums(std::string group, MomentKind kind, ActivationQuantizer quantizer, FixedPointScales scales,
                     Summing summing)
    : group_(std::move(group)), kind_(kind), quantizer_(quantizer), scales_(std::move(scales)), summing_(summing) {
  if (summing_ != Summing::by_panels) sums_.emplace(group_, kind_, scales_);
}

void TokenSums::add_to_sums(Execution& exec, const ConstViewF& inputs) {
  if (kind_ == MomentKind::inputs) return sums_->add(exec, inputs, inputs);
  MatrixF quantized = inputs;  // tokens×d_in
  quantize_rows(exec, quantizer_, quantized);
  sums_->add(exec, inputs, quantized);
}

void TokenSums::include_prepared(Execution& exec, const Preparation& preparation, InputRange& range) const {
  for (const MatrixF& kept : kept_) {
    MatrixF inputs = kept;  // tokens×d_in
    take_mean(exec, preparation.mean, inputs);
    if (preparation.directions.cols() > 0) take_directions(exec, preparation.directions, inputs);
    range.include(exec, inputs);
  }
}

MomentSums TokenSums::second(Execution& exec, MomentKind kind, const Preparation& preparation) const {
  MomentSums sums(group_, kind, scales_);
  for (const MatrixF& kept : kept_) {
    MatrixF inputs = kept;  // tokens×d_in
    take_mean(exec, preparation.mean, inputs);
    if (kind == MomentKind::diagonals) {
      if (preparation.directions.cols() > 0) take_directions(exec, preparation.directions, inputs);
      sums.add(channel_sums(exec, inputs, quantizer_), inputs.rows());
    } else {
      MatrixF quantized = inputs;  // tokens×d_in
      if (preparation.directions.cols() > 0) take_directions(exec, preparation.directions, quantized);
      quantize_rows(exec, quantizer_, quantized);
      sums.add(exec, inputs, quantized);
    }
  }
  return sums;
}

void TokenSums::add(Execution& exec, const ConstViewF& inputs) {
  if (summing_ != Summing::at_once) kept_.emplace_back(inputs);
  if (summing_ != Summing::by_panels) add_to_sums(exec, inputs);
}

MomentSums& TokenSums::of(Execution& exec, RowRange rows) {
  if (summing_ != Summing::by_panels) return *sums_;
  sums_.emplace(group_, kind_, scales_, rows);
  for (const MatrixF& inputs : kept_) add_to_sums(exec, inputs);
  return *sums_;
}

void GroupSums::sum(Execution& exec, Index panel) {
  routed_.of(exec, panels().rows(panel));
  if (all_) all_->of(exec, panels().rows(panel));
}

void GroupSums::reduce(const Communicator& world, int owner, Index panel) {
  routed_.now().reduce(world, owner, panels().rows(panel));
  if (all_) all_->now().reduce(world, owner, panels().rows(panel));
}

double GroupSums::background_weight() const {
  if (!all_) return 0;
  const Index missing = std::max<Index>(0, enough_ - routed_.now().tokens());
  return static_cast<double>(missing) / static_cast<double>(std::max<Index>(1, all_->now().tokens()));
}

SummedMoments GroupSums::result(Index panel) const { return result(panels().rows(panel)); }

SummedMoments GroupSums::result(RowRange rows) const {
  if (!all_) return routed_.now().result(rows);
  SummedMoments moments = routed_.now().result(rows, &all_->now(), background_weight());
  moments.borrowed = std::max<Index>(0, enough_ - routed_.now().tokens());
  return moments;
}

VectorD GroupSums::input_sums() const {
  return routed_.now().input_sums(all_ ? &all_->now() : nullptr, background_weight());
}

double GroupSums::weighted_tokens() const {
  const double own = static_cast<double>(routed_.now().tokens());
  return all_ ? own + background_weight() * static_cast<double>(all_->now().tokens()) : own;
}

InputRange GroupSums::prepared_range(Execution& exec, const Preparation& preparation) const {
  InputRange range;
  routed_.include_prepared(exec, preparation, range);
  if (all_) all_->include_prepared(exec, preparation, range);
  return range;
}

void GroupSums::fix_grid(const ActivationGrid& grid) {
  routed_.fix_grid(grid);
  if (all_) all_->fix_grid(grid);
}

void GroupSums::sum_second(Execution& exec, MomentKind kind, const Preparation& preparation) {
  second_routed_ = routed_.second(exec, kind, preparation);
  if (all_) second_all_ = all_->second(exec, kind, preparation);
}

void GroupSums::reduce_second(const Communicator& world, int owner) {
  const RowRange rows{0, routed_.inputs()};
  second_routed_->reduce(world, owner, rows);
  if (second_all_) second_all_->reduce(world, owner, rows);
}

void GroupSums::begin_drift() {
  drift_routed_ = routed_.empty_drift();
  if (all_) drift_all_ = all_->empty_drift();
}

void GroupSums::add_drift(Execution& exec, const ConstViewF& drift, const ConstViewF& inputs) {
  drift_routed_->add(exec, drift, inputs);
}

void GroupSums::add_drift_of_all(Execution& exec, const ConstViewF& drift, const ConstViewF& inputs) {
  drift_all_->add(exec, drift, inputs);
}

void GroupSums::reduce_drift(const Communicator& world, int owner) {
  const RowRange rows{0, routed_.inputs()};
  drift_routed_->reduce(world, owner, rows);
  if (drift_all_) drift_all_->reduce(world, owner, rows);
}

MatrixF GroupSums::drift() const {
  const MomentSums* all = drift_all_ ? &*drift_all_ : nullptr;
  return drift_routed_->result({0, routed_.inputs()}, all, background_weight()).xy;
}

VectorD GroupSums::drift_sums() const {
  return drift_routed_->input_sums(drift_all_ ? &*drift_all_ : nullptr, background_weight());
}

SummedMoments GroupSums::second() const {
  return second_routed_->result({0, routed_.inputs()}, second_all_ ? &*second_all_ : nullptr, background_weight());
}

GroupSums& sums_of(std::vector<GroupSums>& sums, const std::string& group) {
  const auto found =
      std::find_if(sums.begin(), sums.end(), [&](const GroupSums& each) { return each.group() == group; });
  assert(found != sums.end());
  return *found;
}

}  // namespace lrc
