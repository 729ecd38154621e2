#include "lrc/pipeline/group_source.hpp"

#include <memory>

#include "lrc/pipeline/stored_records.hpp"

namespace lrc {
namespace {

// The panels of a group's moments, of which the last one read is kept: what is asked for next is mostly in it.
class StoredPanels {
 public:
  StoredPanels(const RunContext& run, const GroupLayout& group) : run_(run), group_(group), panels_{group.inputs()} {}

  const SummedMoments& panel(Index number) {
    if (number != number_) {
      last_ = {};  // not two at once
      last_ = to_moments(run_.checkpoint.load_moments({group_.name, number}));
      number_ = number;
    }
    return last_;
  }

  // Rows begin … end − 1 of one of the matrices; of a symmetric one what a panel does not have is zero.
  MatrixD rows(MatrixF SummedMoments::*matrix, Index begin, Index end) {
    MatrixD result = MatrixD::Zero(end - begin, group_.inputs());
    for (Index number = 0; number < panels_.count(); ++number) {
      const RowRange range = panels_.rows(number);
      const Index first = std::max(begin, range.first), last = std::min(end, range.end);
      if (first >= last) continue;
      const MatrixF& stored = panel(number).*matrix;
      result.block(first - begin, 0, last - first, stored.cols()) =
          stored.middleRows(first - range.first, last - first).cast<double>();
    }
    return result;
  }

  VectorD diagonal(MatrixF SummedMoments::*matrix) {
    VectorD result(group_.inputs());
    for (Index number = 0; number < panels_.count(); ++number) {
      const RowRange range = panels_.rows(number);
      result.segment(range.first, range.size()) = (panel(number).*matrix).row(0).cast<double>();
    }
    return result;
  }

 private:
  const RunContext& run_;
  GroupLayout group_;
  MomentPanels panels_;
  Index number_ = -1;
  SummedMoments last_;
};

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

// Divides rows begin … of the stack by the sizes of their parts.
void divide_by_size(const StackParts& parts, Index begin, MatrixD& rows) {
  Index above = 0;
  for (std::size_t i = 0; i < parts.rows.size(); ++i) {
    const Index first = std::max(begin, above), last = std::min(begin + rows.rows(), above + parts.rows[i]);
    if (first < last)
      rows.middleRows(first - begin, last - first) /= static_cast<double>(parts.sizes(static_cast<Index>(i)));
    above += parts.rows[i];
  }
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

MatrixD stack_weight(const LinearGroup& linears, const LinearStack& stack, const StackParts& parts) {
  MatrixD weight = stacked_rows(linears, stack, 0, stack.rows);
  divide_by_size(parts, 0, weight);
  return weight;
}

GroupSource group_source(const RunContext& run, const SolveTask& task, const std::shared_ptr<LinearGroup>& weights,
                         const StackParts& parts) {
  const auto panels = std::make_shared<StoredPanels>(run, task.group);
  const auto rows = [panels](MatrixF SummedMoments::*matrix) {
    return [panels, matrix](Index begin, Index end) { return panels->rows(matrix, begin, end); };
  };
  const LinearStack stack = task.stack;
  GroupSource source{.d_out = stack.rows,
                     .d_in = task.group.inputs(),
                     .weight =
                         [weights, stack, parts](Index begin, Index end) {
                           MatrixD some = stacked_rows(*weights, stack, begin, end);
                           divide_by_size(parts, begin, some);
                           return some;
                         },
                     .xx = rows(&SummedMoments::xx),
                     .xy = rows(&SummedMoments::xy),
                     .yy = rows(&SummedMoments::yy)};
  if (run.options.statistics().kind == MomentKind::diagonal) {
    source.xy_diagonal = panels->diagonal(&SummedMoments::xy);
    source.yy_diagonal = panels->diagonal(&SummedMoments::yy);
  }
  return source;
}

Moments token_counts(const RunContext& run, const SolveTask& task) {
  const MomentsRecord record = run.checkpoint.load_moments({task.group.name, 0});
  Moments counts;
  counts.tokens = record.tokens;
  counts.borrowed = record.borrowed;
  return counts;
}

}  // namespace lrc
