#include "lrc/learning/schedule.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "lrc/linalg/random.hpp"

namespace lrc {

LearningSchedule::LearningSchedule(Sizes sizes, Index seed, Index block) : sizes_(sizes), seed_(seed), block_(block) {
  assert(sizes.sequences >= 1 && sizes.batch >= 1 && sizes.steps >= 1);
  sizes_.batch = std::min(sizes.batch, sizes.sequences);
}

std::vector<Index> LearningSchedule::batch(Index step) {
  assert(0 <= step && step < sizes_.steps);
  const Index of_epoch = sizes_.sequences / sizes_.batch, epoch = step / of_epoch;
  if (epoch != epoch_) {
    constexpr Index kEpochs = Index{1} << 32;  // more than there are
    RandomBits random(static_cast<std::uint64_t>(seed_), static_cast<std::uint64_t>(block_ * kEpochs + epoch));
    order_.resize(static_cast<std::size_t>(sizes_.sequences));
    std::iota(order_.begin(), order_.end(), Index{0});
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.next() % i]);
    epoch_ = epoch;
  }
  const auto first = order_.begin() + step % of_epoch * sizes_.batch;
  return {first, first + sizes_.batch};
}

}  // namespace lrc
