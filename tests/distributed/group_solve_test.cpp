#include "lrc/quantization/group_solve.hpp"

#include <cmath>

#include "distributed/grids.hpp"
#include "lrc/core/log.hpp"
#include "lrc/linalg/cholesky.hpp"
#include "lrc/quantization/expand_moments.hpp"
#include "lrc/quantization/group_gptq.hpp"
#include "lrc/quantization/lrc_steps.hpp"
#include "quantization/problem.hpp"

namespace lrc {
namespace {

struct Case {
  Index d_out, d_in, rank, group_size, block;
};
// The correction's eigenproblem on either side, on blocks that divide nothing.
constexpr Case kCases[] = {
    {61, 97, 7, 0, 16}, {200, 130, 11, 48, 32}, {61, 130, 0, 0, 32}, {200, 97, 3, 128, 16}, {5, 130, 2, 0, 16}};

GroupSource source_of(const MatrixD& weight, const Moments& moments) {
  const auto panels = [](const MatrixD& a) {
    return [&a](Index begin, Index end) -> MatrixD { return a.middleRows(begin, end - begin); };
  };
  return {weight.rows(), weight.cols(), panels(weight), panels(moments.xx), panels(moments.xy), panels(moments.yy)};
}

SolveOptions options_for(Index rank, Index group_size = 0, Index iterations = 1) {
  return {.name = "mlp.down_proj", .grid = {.group_size = group_size}, .rank = rank, .iterations = iterations};
}

class GroupSolve : public Grids {
 protected:
  GroupSolve() { set_log_enabled(false); }
  ~GroupSolve() override { set_log_enabled(true); }
};
INSTANTIATE_TEST_SUITE_P(On, GroupSolve, kGrids, grid_name);

// What rank 0 stores must have the loss that all ranks report, which must be that of solve().
void expect_as_solve(const ProcessGrid& grid, Method method, const Case& c, Index iterations) {
  SCOPED_TRACE(
      fmt::format("method {} {}x{} rank {} T {}", static_cast<int>(method), c.d_out, c.d_in, c.rank, iterations));
  Execution exec;
  const Problem problem = random_problem(c.d_out, c.d_in, 2 * c.d_in + 20, 1);
  const SolveOptions options = options_for(c.rank, c.group_size, iterations);
  const SolveResult expected = solve(exec, method, problem.weight, problem.moments, options);
  const GroupProblem spread_problem = GroupProblem::from(grid, source_of(problem.weight, problem.moments), c.block);
  const SolveResult found = group_solve(exec, grid, method, spread_problem, options);
  EXPECT_NEAR(found.relative_loss, expected.relative_loss, 1e-6 * expected.relative_loss);
  EXPECT_EQ(found.damping, expected.damping);
  EXPECT_EQ(found.iterations_done, expected.iterations_done);
  if (!grid.is_root()) {
    EXPECT_EQ(found.codes.size(), 0);
    return;
  }
  EXPECT_EQ(found.codes.rows(), c.d_out);
  EXPECT_EQ(found.codes.cols(), c.d_in);
  EXPECT_EQ(found.scales.rows(), expected.scales.rows());
  EXPECT_EQ(found.scales.cols(), expected.scales.cols());
  EXPECT_EQ(found.u.rows(), expected.u.rows());
  EXPECT_EQ(found.u.cols(), expected.u.cols());
  EXPECT_EQ(found.v.rows(), expected.v.rows());
  EXPECT_EQ(found.v.cols(), expected.v.cols());
  const double explicit_value = explicit_loss(problem, found, c.group_size);
  EXPECT_NEAR(found.relative_loss, explicit_value, 1e-9 * (1 + explicit_value));
}

TEST_P(GroupSolve, GptqHasTheLossOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    for (const Case& c : kCases) expect_as_solve(grid, Method::gptq, c, 1);
  });
}

TEST_P(GroupSolve, SvdHasTheLossOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    for (const Case& c : kCases) expect_as_solve(grid, Method::svd, c, 1);
  });
}

TEST_P(GroupSolve, LrcHasTheLossOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    for (const Case& c : kCases) {
      for (const Index iterations : {1, 3}) expect_as_solve(grid, Method::lrc, c, iterations);
    }
  });
}

TEST_P(GroupSolve, OfDiagonalMomentsHasTheLossOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    const Problem problem = random_problem(61, 97, 300, 6);
    const auto diagonal = [](const MatrixD& a) -> MatrixF { return a.diagonal().transpose().cast<float>(); };  // 1×97
    const SummedMoments sums{.tokens = 300,
                             .xx = problem.moments.xx.cast<float>(),
                             .xy = diagonal(problem.moments.xy),
                             .yy = diagonal(problem.moments.yy)};
    const Moments moments = expand_moments(sums);
    GroupSource source = source_of(problem.weight, moments);
    source.xy = source.yy = {};
    source.xy_diagonal = sums.xy.row(0).cast<double>();
    source.yy_diagonal = sums.yy.row(0).cast<double>();
    const GroupProblem spread_problem = GroupProblem::from(grid, source, 16);
    for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
      const double expected = solve(exec, method, problem.weight, moments, options_for(7)).relative_loss;
      const double found = group_solve(exec, grid, method, spread_problem, options_for(7)).relative_loss;
      EXPECT_NEAR(found, expected, 1e-6 * expected);
    }
  });
}

TEST_P(GroupSolve, CodesAreThoseOfOneRankGivenTheFactor) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    for (const auto& [d_out, d_in] : {std::pair<Index, Index>{61, 600}, {200, 257}, {3, 40}}) {
      const Problem problem = random_problem(d_out, d_in, 2 * d_in, 3);
      const MatrixD factor = damped_factor(exec, problem.moments.xx, 0.01);
      const WeightGrid weight_grid{4, 48};
      const QuantizedWeight expected = gptq(exec, problem.weight, factor, weight_grid);
      const MatrixD lower = factor.reverse();  // L
      const BlockCyclic weight = spread(grid, problem.weight.rowwise().reverse(), 16);
      const MatrixD band = own_band(weight);
      const QuantizedWeight mine = group_gptq(exec, band, spread(grid, lower, 16), weight_grid);
      const QuantizedWeight all = gathered(grid, mine, d_out);
      if (grid.is_root()) {
        EXPECT_EQ(all.codes, expected.codes);
        EXPECT_EQ(all.scales, expected.scales);
      }
      const BlockCyclic back = from_bands(band.cast<float>(), weight);
      EXPECT_EQ(collected(back), problem.weight.rowwise().reverse().cast<float>().cast<double>());
    }
  });
}

TEST_P(GroupSolve, TheSameGridGivesTheSameBits) {
  on_grid([](const ProcessGrid& grid) {
    Execution one(1), two(2);
    const Problem problem = random_problem(61, 130, 300, 4);
    const GroupProblem spread_problem = GroupProblem::from(grid, source_of(problem.weight, problem.moments), 16);
    const SolveResult a = group_solve(one, grid, Method::lrc, spread_problem, options_for(9, 0, 2));
    const SolveResult b = group_solve(two, grid, Method::lrc, spread_problem, options_for(9, 0, 2));
    EXPECT_EQ(a.relative_loss, b.relative_loss);
    EXPECT_EQ(a.codes, b.codes);
    EXPECT_EQ(a.scales, b.scales);
    EXPECT_EQ(a.u, b.u);
    EXPECT_EQ(a.v, b.v);
  });
}

TEST_P(GroupSolve, ASingularHessianRaisesTheDampingAsOnOneRank) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    Problem problem = random_problem(61, 97, 300, 5);
    for (MatrixD* moments : {&problem.moments.xx, &problem.moments.xy, &problem.moments.yy}) {
      moments->row(3).setZero();
      moments->col(3).setZero();
    }
    SolveOptions options = options_for(5);
    options.damping = 0;
    const GroupProblem spread_problem = GroupProblem::from(grid, source_of(problem.weight, problem.moments), 16);
    for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
      EXPECT_DOUBLE_EQ(group_solve(exec, grid, method, spread_problem, options).damping, 1e-8);
    }
  });
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// No data, or moments that no damping makes regular: rounded to nearest, as on one rank.
TEST_P(GroupSolve, InputsThatTellNothingAreRoundedToNearest) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    for (const bool empty : {false, true}) {
      Problem problem = random_problem(61, 97, 300, 6);
      if (empty) {
        problem.moments = {0, MatrixD::Zero(97, 97), MatrixD::Zero(97, 97), MatrixD::Zero(97, 97)};
      } else {
        problem.moments.xx(40, 40) = problem.moments.yy(40, 40) = -1e9;
      }
      const GroupProblem spread_problem = GroupProblem::from(grid, source_of(problem.weight, problem.moments), 16);
      for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
        const SolveResult found = group_solve(exec, grid, method, spread_problem, options_for(5));
        const SolveResult expected = solve(exec, method, problem.weight, problem.moments, options_for(5));
        EXPECT_TRUE(found.by_rounding && expected.by_rounding);
        if (!grid.is_root()) continue;
        EXPECT_EQ(found.codes, expected.codes);
        EXPECT_EQ(found.u.cols(), expected.u.cols());
      }
    }
  });
}

TEST_P(GroupSolve, MomentsThatAreNotFiniteAreAnErrorOnAllRanks) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    Problem problem = random_problem(61, 97, 300, 6);
    problem.moments.xx(40, 40) = problem.moments.yy(40, 40) = std::nan("");
    const GroupProblem spread_problem = GroupProblem::from(grid, source_of(problem.weight, problem.moments), 16);
    for (const Method method : {Method::gptq, Method::svd, Method::lrc})
      EXPECT_THROW(group_solve(exec, grid, method, spread_problem, options_for(5)), AgreedError);
  });
}

TEST_P(GroupSolve, AFactorThatOverflowsFp16IsAnErrorOnAllRanks) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    Problem problem = random_problem(61, 97, 300, 7);
    problem.weight *= 1e30;
    const GroupProblem spread_problem = GroupProblem::from(grid, source_of(problem.weight, problem.moments), 16);
    const std::string message =
        message_of([&] { group_solve(exec, grid, Method::svd, spread_problem, options_for(5)); });
    EXPECT_NE(message.find("overflows F16"), std::string::npos) << message;
  });
}

TEST(GroupGrid, HasTheFewestRanksThatHoldTheProblemAsSquareAsPossible) {
  const double bytes = group_workspace_bytes(Method::lrc, 1000, 2000, 100);
  const auto grid = [&](double share) { return group_grid(Method::lrc, 1000, 2000, 100, bytes * share); };
  EXPECT_EQ(grid(2.0), (GridShape{1, 1}));
  EXPECT_EQ(grid(1.0), (GridShape{1, 1}));
  EXPECT_EQ(grid(0.99), (GridShape{2, 1}));
  EXPECT_EQ(grid(0.4), (GridShape{2, 2}));
  EXPECT_EQ(grid(0.2), (GridShape{3, 2}));
  EXPECT_EQ(grid(0.13), (GridShape{4, 2}));
  EXPECT_EQ(grid(1.0 / 16), (GridShape{4, 4}));
  EXPECT_THROW(grid(1e-9), InputError);
  EXPECT_EQ(group_grid(Method::lrc, 1000, 2000, 100, bytes, 2), (GridShape{2, 1}));
  EXPECT_EQ(group_grid(Method::lrc, 1000, 2000, 100, bytes * 0.4, 2), (GridShape{2, 2}));
}

}  // namespace
}  // namespace lrc
