// The weights of a stack as a solve takes them: one above the other, all parts at one size (balance.hpp).
#pragma once

#include "lrc/model/layout.hpp"
#include "lrc/model/model.hpp"
#include "lrc/quantization/balance.hpp"

namespace lrc {

/// The matrices in a stack (part_rows), which are solved at one size.
struct StackParts {
  std::vector<Index> rows;  ///< d_out of each
  VectorF sizes;            ///< of each
};
StackParts stack_parts(const LinearGroup& linears, const GroupLayout& group, const LinearStack& stack);

/// Rows [begin, end) of the stack's weights divided by the sizes: (end − begin)×d_in.
MatrixD stack_rows(const LinearGroup& linears, const LinearStack& stack, const StackParts& parts, Index begin,
                   Index end);
/// All of them: d_out×d_in.
MatrixD stack_weight(const LinearGroup& linears, const LinearStack& stack, const StackParts& parts);

}  // namespace lrc
