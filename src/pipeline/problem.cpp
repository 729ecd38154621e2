#include "lrc/pipeline/problem.hpp"

namespace lrc {

void for_each_solve(const Problem& problem, const std::function<void(const SolveTask&)>& visit) {
  for (Index block = 0; block < problem.blocks(); ++block) {
    for (const GroupLayout& group : block_layout(problem.model.config(), block).groups()) {
      for (const LinearStack& stack : stacks_of(group, problem.options.stack_groups)) visit({block, group, stack});
    }
  }
}

}  // namespace lrc
