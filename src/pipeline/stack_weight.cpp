#include "lrc/pipeline/stack_weight.hpp"

#include <algorithm>

namespace lrc {
namespace {

// Rows begin … end − 1 of the stack's weights, one above the other.
MatrixD stacked_rows(const LinearGroup& group, const LinearStack& stack, Index begin, Index end) {
  MatrixD rows(end - begin, group.inputs());
  Index above = 0;  // rows of the linears before
  for (std::size_t i = stack.first; i < stack.first + stack.count; ++i) {
    const MatrixF& weight = group.linears[i].weight;
    const Index first = std::max(begin, above), last = std::min(end, above + weight.rows());
    if (first < last)
      rows.middleRows(first - begin, last - first) = weight.middleRows(first - above, last - first).cast<double>();
    above += weight.rows();
  }
  return rows;
}

}  // namespace

StackParts stack_parts(const LinearGroup& linears, const GroupLayout& group, const LinearStack& stack) {
  StackParts parts{.rows = part_rows(group, stack), .sizes = {}};
  std::vector<double> squares;
  Index first = 0;
  for (const Index rows : parts.rows) {
    double sum = 0;
    for (Index row = first; row < first + rows; ++row) sum += stacked_rows(linears, stack, row, row + 1).squaredNorm();
    squares.push_back(sum);
    first += rows;
  }
  parts.sizes = part_sizes(squares, parts.rows);
  return parts;
}

MatrixD stack_rows(const LinearGroup& linears, const LinearStack& stack, const StackParts& parts, Index begin,
                   Index end) {
  MatrixD rows = stacked_rows(linears, stack, begin, end);
  Index above = 0;
  for (std::size_t i = 0; i < parts.rows.size(); ++i) {
    const Index first = std::max(begin, above), last = std::min(end, above + parts.rows[i]);
    if (first < last)
      rows.middleRows(first - begin, last - first) /= static_cast<double>(parts.sizes(static_cast<Index>(i)));
    above += parts.rows[i];
  }
  return rows;
}

MatrixD stack_weight(const LinearGroup& linears, const LinearStack& stack, const StackParts& parts) {
  return stack_rows(linears, stack, parts, 0, stack.rows);
}

}  // namespace lrc
