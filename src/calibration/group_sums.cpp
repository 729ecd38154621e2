#include "lrc/calibration/group_sums.hpp"

#include <algorithm>

#include "lrc/model/forward.hpp"

namespace lrc {

TokenSums::TokenSums(std::string group, MomentKind kind, ActivationQuantizer quantizer, FixedPointScales scales,
                     Summing summing)
    : group_(std::move(group)), kind_(kind), quantizer_(quantizer), scales_(std::move(scales)), summing_(summing) {
  if (summing_ == Summing::at_once) sums_.emplace(group_, kind_, scales_);
}

void TokenSums::add_to_sums(ThreadPool& pool, const ConstViewF& inputs) {
  MatrixF quantized = inputs;  // tokens×d_in
  quantize_rows(pool, quantizer_, quantized);
  sums_->add(pool, inputs, quantized);
}

void TokenSums::add(ThreadPool& pool, const ConstViewF& inputs) {
  if (summing_ == Summing::by_panels) {
    kept_.emplace_back(inputs);
  } else {
    add_to_sums(pool, inputs);
  }
}

MomentSums& TokenSums::of(ThreadPool& pool, RowRange rows) {
  if (summing_ == Summing::at_once) return *sums_;
  sums_.emplace(group_, kind_, scales_, rows);
  for (const MatrixF& inputs : kept_) add_to_sums(pool, inputs);
  return *sums_;
}

void GroupSums::sum(ThreadPool& pool, Index panel) {
  routed_.of(pool, panels().rows(panel));
  if (all_) all_->of(pool, panels().rows(panel));
}

void GroupSums::reduce(const Communicator& world, int owner, Index panel) {
  routed_.now().reduce(world, owner, panels().rows(panel));
  if (all_) all_->now().reduce(world, owner, panels().rows(panel));
}

SummedMoments GroupSums::result(Index panel) {
  const RowRange rows = panels().rows(panel);
  if (!all_) return routed_.now().result(rows);
  const Index missing = std::max<Index>(0, enough_ - routed_.now().tokens());
  const auto all_tokens = static_cast<double>(std::max<Index>(1, all_->now().tokens()));
  SummedMoments moments = routed_.now().result(rows, &all_->now(), static_cast<double>(missing) / all_tokens);
  moments.borrowed = missing;
  return moments;
}

}  // namespace lrc
