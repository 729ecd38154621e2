#include "lrc/calibration/group_sums.hpp"

#include <algorithm>

namespace lrc {

void GroupSums::reduce(const Communicator& world, int owner) {
  routed_.reduce(world, owner);
  if (all_) all_->reduce(world, owner);
}

SummedMoments GroupSums::result() const {
  if (!all_) return routed_.result();
  const Index missing = std::max<Index>(0, enough_ - routed_.tokens());
  SummedMoments moments =
      routed_.result(&*all_, static_cast<double>(missing) / static_cast<double>(std::max<Index>(1, all_->tokens())));
  moments.borrowed = missing;
  return moments;
}

}  // namespace lrc
