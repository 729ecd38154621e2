#include "lrc/pipeline/solve_inputs.hpp"

#include <algorithm>
#include <tuple>

#include "lrc/plan/memory_plan.hpp"
#include "lrc/quantization/moments/expand_moments.hpp"
#include "lrc/quantization/team_grid.hpp"

namespace lrc {
namespace {

// The panels of a group's moments, of which the last one read is kept: what is asked for next is mostly in it.
class StoredPanels {
 public:
  StoredPanels(Checkpoint& store, const GroupLayout& group) : store_(store), group_(group), panels_{group.inputs()} {}

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

  // Those of Sxy and Sy (d_in each), where only they were summed, in one walk: each panel is read and hashed.
  std::pair<VectorD, VectorD> diagonals() {
    VectorD xy(group_.inputs()), yy(group_.inputs());
    for (Index number = 0; number < panels_.count(); ++number) {
      const RowRange range = panels_.rows(number);
      xy.segment(range.first, range.size()) = panel(number).xy.row(0).cast<double>();
      yy.segment(range.first, range.size()) = panel(number).yy.row(0).cast<double>();
    }
    return {std::move(xy), std::move(yy)};
  }

  const SummedMoments& panel(Index number) {
    if (number != number_) {
      last_ = {};  // not two at once
      MomentsRecord record = store_.load_moments({group_.name, number});
      last_ = std::move(record.moments);
      if (number == 0) transform_ = std::move(record.transform);
      number_ = number;
    }
    return last_;
  }

  // Of all panels the first has it.
  InputTransform transform() {
    panel(0);
    return std::exchange(transform_, {});
  }

 private:
  Checkpoint& store_;
  const GroupLayout& group_;
  MomentPanels panels_;
  Index number_ = -1;
  SummedMoments last_;
  InputTransform transform_;
};

// This rank's own rows.
void keep_own_rows(const ProcessGrid& grid, StoredFactor& directions) {
  const OwnRows own = own_rows_of(grid.rank(), grid.ranks(), directions.values.rows());
  directions.values = directions.values.middleRows(own.begin, own.end - own.begin).eval();
  if (directions.codes.rows() > 0)
    directions.codes = directions.codes.middleRows(own.begin, own.end - own.begin).eval();
}

DistributedMatrix distributed_weight(const Model& model, const SolveTask& task, const ProcessGrid& grid,
                                     StackParts& parts) {
  LinearGroup linears;
  grid.agree([&] {
    linears = model.group(task.block, task.group);
    parts = stack_parts(linears, task.group, task.stack);
  });
  return DistributedMatrix::from_panels(
      grid, task.stack.rows, task.group.inputs(), kTeamBlock,
      [&](Index begin, Index end) { return stack_rows(linears, task.stack, parts, begin, end); });
}

}  // namespace

SolveInputs<MatrixD> whole_inputs(Execution& exec, const Problem& problem, Checkpoint& store, const SolveTask& task) {
  SolveInputs<MatrixD> inputs;
  SummedMoments sums = assembled(task.group.inputs(), [&](Index panel) {
    MomentsRecord record = store.load_moments({task.group.name, panel});
    if (panel == 0) inputs.transform = std::move(record.transform);
    return std::move(record.moments);
  });
  inputs.moments = expand_moments(exec, sums, inputs.transform.directions.values);
  sums.xx = sums.xy = sums.yy = {};
  {
    const LinearGroup linears = problem.model.group(task.block, task.group);
    inputs.parts = stack_parts(linears, task.group, task.stack);
    inputs.weight = stack_weight(linears, task.stack, inputs.parts);
  }
  inputs.drift = sums.drift.cast<double>();
  return inputs;
}

SolveInputs<DistributedMatrix> distributed_inputs(Execution& exec, const Problem& problem, Checkpoint& store,
                                                  const SolveTask& task, const ProcessGrid& grid) {
  SolveInputs<DistributedMatrix> inputs;
  auto& [parts, transform, weight, moments, drift] = inputs;
  weight = distributed_weight(problem.model, task, grid, parts);
  return_free_memory();
  StoredPanels panels(store, task.group);
  bool diagonals = false, drifts = false;
  VectorD xy, yy;  // d_in, of which only the diagonals were summed
  grid.agree([&] {
    transform = panels.transform();
    keep_own_rows(grid, transform.directions);
    moments.tokens = panels.panel(0).tokens;
    moments.borrowed = panels.panel(0).borrowed;
    drifts = panels.panel(0).drift.size() > 0;
    diagonals = has_diagonals(panels.panel(0));
    if (diagonals) std::tie(xy, yy) = panels.diagonals();
  });
  const auto square = [&](MatrixF SummedMoments::*matrix) {
    return DistributedMatrix::from_panels(
        grid, task.group.inputs(), task.group.inputs(), kTeamBlock,
        [&panels, matrix](Index begin, Index end) { return panels.rows(matrix, begin, end); });
  };
  moments.xx = square(&SummedMoments::xx);
  mirror_lower(exec, moments.xx);
  if (diagonals) {
    const MatrixF& own = transform.directions.values;
    const bool residual = own.cols() > 0;
    expand_diagonals(exec, moments, xy, yy,
                     residual ? from_own_rows(weight, weight.cols(), own) : zeros(weight, weight.cols(), 0));
  } else {
    moments.xy = square(&SummedMoments::xy);
    moments.yy = square(&SummedMoments::yy);
    mirror_lower(exec, moments.yy);
  }
  if (drifts) drift = square(&SummedMoments::drift);
  return inputs;
}

}  // namespace lrc
