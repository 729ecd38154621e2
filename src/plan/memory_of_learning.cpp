#include "lrc/plan/memory_of_learning.hpp"

#include <algorithm>

#include "lrc/model/forward/backward.hpp"
#include "lrc/quantization/lrq/learned_weight.hpp"

namespace lrc::memory {
namespace {

LearnedWeightBytes bytes_of(const MemoryInputs& in, const LinearLayout& linear) {
  const Index rank = in.options.scale_rank(linear.rows, linear.cols);
  return learned_weight_bytes(form_of_rank(linear.rows, linear.cols, rank), linear.rows, linear.cols, rank);
}

}  // namespace

// The linears are shared among the ranks, the largest first: a rank has its part of all, and one linear more at most.
std::vector<MemoryTerm> learning_terms(const MemoryInputs& in) {
  double all = 0, largest = 0, moving = 0;
  for (const GroupLayout& group : block_layout(in.model, 0).groups()) {
    for (const LinearLayout& linear : group.linears) {
      const LearnedWeightBytes bytes = bytes_of(in, linear);
      const double owned = bytes.weight + 3 * bytes.parameters;  // Adam's two moments with them
      const double weights = real(linear.rows) * real(linear.cols);
      all += owned;
      largest = std::max(largest, owned);
      moving = std::max(moving, (kDouble + 2 * kFloat) * weights + bytes.parameters + bytes.temporaries);
    }
  }
  const Index batch = std::min(in.options.learn_batch, in.sequences), mine = ceil_div(batch, in.ranks);
  const double tokens = real(in.options.sequence_length);
  return {{"learned weights", in.ranks == 1 ? all : all / in.ranks + largest},
          {"gradients of a step", real(mine) * block_weights(in)},
          {"sequences of a step", 2 * kFloat * real(mine) * tokens * real(in.model.hidden_size)},
          {"forward and backward pass",
           tape_bytes(in.model, in.options.sequence_length) + backward_bytes(in.model, in.options.sequence_length)},
          {"step of a linear", moving}};
}

}  // namespace lrc::memory
