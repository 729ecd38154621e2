#include <cmath>

#include "distributed/grids.hpp"
#include "lrc/core/log.hpp"
#include "lrc/quantization/grid/gptq.hpp"
#include "lrc/quantization/lrc/propagated_target.hpp"
#include "lrc/quantization/lrc/residual_directions.hpp"
#include "lrc/quantization/moments/damped_moments.hpp"
#include "lrc/quantization/moments/expand_moments.hpp"
#include "lrc/quantization/team_grid.hpp"
#include "quantization/explicit.hpp"

namespace lrc {
namespace {

using Distributed = DistributedMatrix;

struct Case {
  Index d_out, d_in, rank, group_size, block;
};
// The correction's eigenproblem on either side, on blocks that divide nothing.
constexpr Case kCases[] = {
    {61, 97, 7, 0, 16}, {200, 130, 11, 48, 32}, {61, 130, 0, 0, 32}, {200, 97, 3, 128, 16}, {5, 130, 2, 0, 16}};

SolveOptions options_for(Index rank, Index group_size = 0, Index iterations = 1) {
  return {.name = "mlp.down_proj", .grid = {.group_size = group_size}, .rank = rank, .iterations = iterations};
}

class TeamSolve : public Grids {
 protected:
  TeamSolve() { set_log_enabled(false); }
  ~TeamSolve() override { set_log_enabled(true); }
};
INSTANTIATE_TEST_SUITE_P(On, TeamSolve, kGrids, grid_name);

// This rank's own rows of a factor.
StoredFactor own_part(const ProcessGrid& grid, const StoredFactor& whole) {
  const auto [begin, end] = own_rows_of(grid.rank(), grid.ranks(), whole.values.rows());
  StoredFactor own{whole.values.middleRows(begin, end - begin), {}, whole.scales};
  if (whole.codes.rows() > 0) own.codes = whole.codes.middleRows(begin, end - begin);
  return own;
}

// solve() on the grid, of what one rank would be given.
SolveResult solve_on(const ProcessGrid& grid, Method method, const Problem& problem, SolveOptions options,
                     Index block = 16) {
  Execution exec;
  StoredFactor directions;
  if (options.directions) {
    directions = own_part(grid, *options.directions);
    options.directions = &directions;
  }
  return solve(exec, method, spread(grid, problem.weight, block), spread(grid, problem.moments, block), options);
}

void expect_near(const VectorD& found, const VectorD& expected, double share) {
  ASSERT_EQ(found.size(), expected.size());
  EXPECT_LE(largest(found - expected), share * largest(expected));
}

// What rank 0 stores must have the loss that all ranks report, which must be that of solve() on one rank.
void expect_as_alone(const ProcessGrid& grid, Method method, const Problem& problem, const SolveOptions& options,
                     Index block = 16) {
  SCOPED_TRACE(fmt::format("method {} {}x{} rank {} T {}, {} bits", static_cast<int>(method), problem.weight.rows(),
                           problem.weight.cols(), options.rank, options.iterations, options.factor_bits));
  Execution exec;
  const SolveResult expected = solve(exec, method, problem.weight, problem.moments, options);
  const SolveResult found = solve_on(grid, method, problem, options, block);
  EXPECT_NEAR(found.relative_loss, expected.relative_loss, 1e-6 * expected.relative_loss);
  EXPECT_EQ(found.damping, expected.damping);
  EXPECT_EQ(found.iterations_done, expected.iterations_done);
  EXPECT_EQ(found.by_rounding, expected.by_rounding);
  expect_near(found.losses.power, expected.losses.power, 1e-9);
  if (!grid.is_root()) {
    EXPECT_EQ(found.codes.size() + found.u.values.size() + found.v.values.size() + found.uncorrected.size(), 0);
    return;
  }
  const auto expect_shape = [](const auto& a, const auto& b) {
    EXPECT_EQ(a.rows(), b.rows());
    EXPECT_EQ(a.cols(), b.cols());
  };
  expect_shape(found.codes, expected.codes);
  expect_shape(found.scales, expected.scales);
  expect_shape(found.u.values, expected.u.values);
  expect_shape(found.v.values, expected.v.values);
  expect_shape(found.u.codes, expected.u.codes);
  expect_shape(found.v.codes, expected.v.codes);
  expect_near(found.uncorrected, expected.uncorrected, 1e-4);
  for (Index j = 0; j < found.u.codes.cols(); ++j) {
    EXPECT_EQ(MatrixF(found.u.codes.col(j).cast<float>() * found.u.scales(0, j)), MatrixF(found.u.values.col(j)));
    EXPECT_EQ(MatrixF(found.v.codes.col(j).cast<float>() * found.v.scales(0, j)), MatrixF(found.v.values.col(j)));
  }
  const double explicit_value = explicit_loss(problem, found, options.grid.group_size);
  EXPECT_NEAR(found.relative_loss, explicit_value, 1e-9 * (1 + explicit_value));
}

Problem problem_of(const Case& c) { return random_problem(c.d_out, c.d_in, 2 * c.d_in + 20, 1); }

TEST_P(TeamSolve, HasTheLossOfOneRankByEveryMethod) {
  on_grid([](const ProcessGrid& grid) {
    for (const Case& c : kCases) {
      for (const Method method : {Method::rtn, Method::gptq, Method::svd, Method::lrc})
        expect_as_alone(grid, method, problem_of(c), options_for(c.rank, c.group_size), c.block);
      expect_as_alone(grid, Method::lrc, problem_of(c), options_for(c.rank, c.group_size, 3), c.block);
    }
  });
}

TEST_P(TeamSolve, HasTheLossOfOneRankWithFactorsInEightBits) {
  on_grid([](const ProcessGrid& grid) {
    for (const Case& c : kCases) {
      SolveOptions options = options_for(c.rank, c.group_size);
      options.factor_bits = 8;
      for (const Method method : {Method::svd, Method::lrc})
        expect_as_alone(grid, method, problem_of(c), options, c.block);
    }
  });
}

TEST_P(TeamSolve, HasTheLossOfOneRankWithDeflatedSteps) {
  on_grid([](const ProcessGrid& grid) {
    for (const Case& c : kCases) {
      SolveOptions options = options_for(c.rank, c.group_size, 2);
      options.deflated = true;
      for (const int bits : {16, 8}) {
        options.factor_bits = bits;
        expect_as_alone(grid, Method::lrc, problem_of(c), options, c.block);
      }
    }
  });
}

// The default form: directions taken out before the inputs are quantized, of a stack, in int8 or not.
TEST_P(TeamSolve, HasTheLossOfOneRankWithResidualActivations) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    for (const Case& c : kCases) {
      const Problem plain = outlier_problem(c.d_out, c.d_in, 3 * c.d_in + 50, 2);
      for (const int bits : {8, 16}) {
        const StoredFactor e =
            stored_factor(residual_directions(exec, plain.weight, plain.moments.xx, c.rank, 0.01), bits);
        SolveOptions options = options_for(c.rank, c.group_size);
        options.factor_bits = bits;
        options.directions = &e;
        expect_as_alone(grid, Method::lrc, residual_problem(plain, e.values.cast<double>()), options, c.block);
      }
    }
  });
}

SummedMoments diagonal_sums(const Problem& problem, const MatrixD& seen) {
  return {.tokens = problem.moments.tokens,
          .xx = problem.moments.xx.cast<float>(),
          .xy = seen.cwiseProduct(problem.y).rowwise().sum().transpose().cast<float>(),
          .yy = problem.moments.yy.diagonal().transpose().cast<float>()};
}

// One matrix and two vectors make the same three matrices as on one rank, and so the same solve.
TEST_P(TeamSolve, OfDiagonalMomentsHasTheLossOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    const Problem plain = outlier_problem(61, 97, 500, 6);
    for (const Index k : {0, 9}) {
      const StoredFactor e = stored_factor(residual_directions(exec, plain.weight, plain.moments.xx, k, 0.01), 8);
      const MatrixD directions = e.values.cast<double>();
      const Problem problem = residual_problem(plain, directions);
      const SummedMoments sums = diagonal_sums(problem, problem.x - directions * (directions.transpose() * problem.x));
      const Moments expected = expand_moments(exec, sums, e.values);
      MomentsOf<Distributed> moments{
          .tokens = sums.tokens, .xx = spread(grid, sums.xx.cast<double>(), 16), .xy = {}, .yy = {}};
      expand_diagonals(exec, moments, sums.xy.row(0).cast<double>(), sums.yy.row(0).cast<double>(),
                       spread(grid, directions, 16));
      EXPECT_LT(largest(collected(moments.xy) - expected.xy), 1e-11 * largest(expected.xy));
      const MatrixD difference = collected(moments.yy) - expected.yy;
      EXPECT_LT(largest(difference.triangularView<Eigen::Upper>()), 1e-11 * largest(expected.yy));
      SolveOptions options = options_for(k);
      const StoredFactor own = own_part(grid, e);
      for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
        options.directions = method == Method::lrc && k > 0 ? &e : nullptr;
        const double alone = solve(exec, method, problem.weight, expected, options).relative_loss;
        if (options.directions) options.directions = &own;
        const double found = solve(exec, method, spread(grid, problem.weight, 16), moments, options).relative_loss;
        EXPECT_NEAR(found, alone, 1e-6 * alone);
      }
    }
  });
}

TEST_P(TeamSolve, TheTargetOfAPropagatedWeightIsThatOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    const Problem problem = random_problem(61, 97, 300, 8);
    const MatrixD drift = 0.1 * random_matrix(97, 97, 9);
    const TargetOptions options{.name = "mlp.down_proj", .blend = 0.75};
    const MatrixD expected = propagated_weight(exec, problem.weight, problem.moments.xx, drift, options);
    const Distributed found = propagated_weight(exec, spread(grid, problem.weight, 16),
                                                spread(grid, problem.moments.xx, 16), spread(grid, drift, 16), options);
    EXPECT_LT(largest(collected(found) - expected), 1e-9 * largest(expected));
  });
}

TEST_P(TeamSolve, CodesAreThoseOfOneRankGivenTheRoot) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    for (const auto& [d_out, d_in] : {std::pair<Index, Index>{61, 600}, {200, 257}, {3, 40}}) {
      const Problem problem = random_problem(d_out, d_in, 2 * d_in, 3);
      const MatrixD root = damped_root(exec, problem.moments.xx, 0.01);
      const WeightGrid weight_grid{4, 48};
      const QuantizedWeight expected = gptq(exec, problem.weight, root, weight_grid);
      const Distributed weight = spread(grid, problem.weight, 16);
      const QuantizedWeight own = gptq(exec, weight, spread(grid, root, 16), weight_grid);
      const MatrixI8 codes = gathered_rows(weight, own.codes);
      const MatrixF scales = gathered_rows(weight, own.scales);
      if (!grid.is_root()) continue;
      EXPECT_EQ(codes, expected.codes);
      EXPECT_EQ(scales, expected.scales);
    }
  });
}

TEST_P(TeamSolve, TheSameGridGivesTheSameBits) {
  on_grid([](const ProcessGrid& grid) {
    const Problem problem = random_problem(61, 130, 300, 4);
    const SolveResult a = solve_on(grid, Method::lrc, problem, options_for(9, 0, 2));
    const SolveResult b = solve_on(grid, Method::lrc, problem, options_for(9, 0, 2));
    EXPECT_EQ(a.relative_loss, b.relative_loss);
    EXPECT_EQ(a.codes, b.codes);
    EXPECT_EQ(a.scales, b.scales);
    EXPECT_EQ(a.u.values, b.u.values);
    EXPECT_EQ(a.v.values, b.v.values);
  });
}

TEST_P(TeamSolve, ASingularHessianRaisesTheDampingAsOnOneRank) {
  on_grid([](const ProcessGrid& grid) {
    Problem problem = random_problem(61, 97, 300, 5);
    for (MatrixD* moments : {&problem.moments.xx, &problem.moments.xy, &problem.moments.yy}) {
      moments->row(3).setZero();
      moments->col(3).setZero();
    }
    SolveOptions options = options_for(5);
    options.damping = 0;
    for (const Method method : {Method::gptq, Method::svd, Method::lrc})
      EXPECT_DOUBLE_EQ(solve_on(grid, method, problem, options).damping, 1e-8);
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
TEST_P(TeamSolve, InputsThatTellNothingAreRoundedToNearest) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    const StoredFactor e = stored_factor(random_matrix(97, 5, 7), 8);
    for (const bool empty : {false, true}) {
      Problem problem = random_problem(61, 97, 300, 6);
      if (empty) {
        problem.moments = {0, MatrixD::Zero(97, 97), MatrixD::Zero(97, 97), MatrixD::Zero(97, 97)};
      } else {
        problem.moments.xx(40, 40) = problem.moments.yy(40, 40) = -1e9;
      }
      for (const bool directed : {false, true}) {
        SolveOptions options = options_for(5);
        options.directions = directed ? &e : nullptr;
        for (const Method method : {Method::gptq, Method::svd, Method::lrc}) {
          if (directed && method != Method::lrc) continue;
          const SolveResult found = solve_on(grid, method, problem, options);
          const SolveResult expected = solve(exec, method, problem.weight, problem.moments, options);
          EXPECT_TRUE(found.by_rounding && expected.by_rounding);
          if (!grid.is_root()) continue;
          EXPECT_EQ(found.codes, expected.codes);
          EXPECT_EQ(found.v.values, expected.v.values);
          EXPECT_EQ(found.u.values.cols(), expected.u.values.cols());
          EXPECT_LE((found.u.values - expected.u.values).norm(), 1e-3 * expected.u.values.norm());
        }
      }
    }
  });
}

TEST_P(TeamSolve, MomentsThatAreNotFiniteAreAnErrorOnAllRanks) {
  on_grid([](const ProcessGrid& grid) {
    Problem problem = random_problem(61, 97, 300, 6);
    problem.moments.xx(40, 40) = problem.moments.yy(40, 40) = std::nan("");
    for (const Method method : {Method::gptq, Method::svd, Method::lrc})
      EXPECT_THROW(solve_on(grid, method, problem, options_for(5)), AgreedError);
  });
}

TEST_P(TeamSolve, AFactorThatOverflowsFp16IsAnErrorOnAllRanks) {
  on_grid([](const ProcessGrid& grid) {
    Problem problem = random_problem(61, 97, 300, 7);
    problem.weight *= 1e30;
    const std::string message = message_of([&] { solve_on(grid, Method::svd, problem, options_for(5)); });
    EXPECT_NE(message.find("overflows F16"), std::string::npos) << message;
  });
}

TEST(TeamGrid, HasTheFewestRanksThatHoldTheProblemAsSquareAsPossible) {
  const double bytes = team_workspace_bytes(Method::lrc, 1000, 2000, 100);
  const auto grid = [&](double share) { return team_grid(Method::lrc, 1000, 2000, 100, bytes * share); };
  EXPECT_EQ(grid(2.0), (GridShape{1, 1}));
  EXPECT_EQ(grid(1.0), (GridShape{1, 1}));
  EXPECT_EQ(grid(0.99), (GridShape{2, 1}));
  EXPECT_EQ(grid(0.4), (GridShape{2, 2}));
  EXPECT_EQ(grid(0.2), (GridShape{3, 2}));
  EXPECT_EQ(grid(0.13), (GridShape{4, 2}));
  EXPECT_EQ(grid(1.0 / 16), (GridShape{4, 4}));
  EXPECT_THROW(grid(1e-9), InputError);
  EXPECT_EQ(team_grid(Method::lrc, 1000, 2000, 100, bytes, 2), (GridShape{2, 1}));
  EXPECT_EQ(team_grid(Method::lrc, 1000, 2000, 100, bytes * 0.4, 2), (GridShape{2, 2}));
}

}  // namespace
}  // namespace lrc
