#include <cmath>

#include "distributed/grids.hpp"
#include "linalg/random_matrix.hpp"
#include "lrc/linalg/cholesky.hpp"
#include "lrc/linalg/distributed.hpp"
#include "lrc/linalg/eigen.hpp"
#include "lrc/linalg/triangular.hpp"

namespace lrc {
namespace {

struct Size {
  Index m, n, block;
};
constexpr Size kSizes[] = {{61, 97, 16}, {200, 130, 32}, {5, 3, 16}, {64, 64, 16}};

MatrixD positive_definite(Index n, unsigned seed) {
  const MatrixD a = random_matrix(n, 2 * n + 5, seed);
  return a * a.transpose();
}

class DistributedLinalg : public Grids {};
INSTANTIATE_TEST_SUITE_P(On, DistributedLinalg, kGrids, grid_name);

TEST_P(DistributedLinalg, PanelsGoOutAndComeBack) {
  on_grid([](const ProcessGrid& grid) {
    for (const auto& [m, n, block] : kSizes) {
      const MatrixD a = random_matrix(m, n, 1);
      const BlockCyclic spread_a = spread(grid, a, block);
      EXPECT_EQ(collected(spread_a), a);
      EXPECT_EQ(spread_a.rows_everywhere(m / 3, m, n / 2), a.block(m / 3, 0, m - m / 3, n / 2));
      const int root = grid.ranks() - 1;
      const MatrixD rows = spread_a.rows_on(root, m / 4, m / 2);
      if (grid.rank() == root) {
        EXPECT_EQ(rows, a.middleRows(m / 4, m / 2 - m / 4));
      } else {
        EXPECT_EQ(rows.size(), 0);
      }
      for (Index i = 0; i < spread_a.local().rows(); ++i) {
        for (Index j = 0; j < spread_a.local().cols(); ++j) {
          ASSERT_EQ(spread_a.local()(i, j), a(spread_a.global_row(i), spread_a.global_col(j)));
        }
      }
    }
  });
}

TEST_P(DistributedLinalg, AnErrorOfAPanelIsThrownOnAllRanks) {
  on_grid([](const ProcessGrid& grid) {
    const auto broken = [](Index begin, Index end) -> MatrixD {
      if (begin == 32) throw Error("panel 32 is damaged");
      return MatrixD::Ones(end - begin, 70);
    };
    try {
      BlockCyclic::from_panels(grid, 70, 70, 16, broken);
      ADD_FAILURE() << "no error";
    } catch (const AgreedError& error) {
      EXPECT_STREQ(error.what(), "panel 32 is damaged");
    }
  });
}

TEST_P(DistributedLinalg, AGridNeedsAsManyRanksAsItHas) {
  on_grid([](const ProcessGrid& grid) {
    EXPECT_THROW(ProcessGrid(grid.communicator(), {grid.ranks() + 1, 1}), Error);
  });
}

TEST_P(DistributedLinalg, ProductsAreThoseOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    for (const auto& [m, n, block] : kSizes) {
      const MatrixD a = random_matrix(m, n, 1), b = random_matrix(n, m, 2), c = random_matrix(m, m, 3);
      for (const Op op_a : {Op::none, Op::transpose}) {
        for (const Op op_b : {Op::none, Op::transpose}) {
          const MatrixD left = op_a == Op::none ? a : MatrixD(a.transpose());
          const MatrixD right = op_b == Op::none ? b : MatrixD(b.transpose());
          MatrixD expected = c;
          gemm(exec, op_a, op_b, 0.5, left, right, -2.0, expected);
          BlockCyclic found = spread(grid, c, block);
          gemm(op_a, op_b, 0.5, spread(grid, left, block), spread(grid, right, block), -2.0, found);
          EXPECT_LT(largest(collected(found) - expected), 1e-11);
        }
      }
      for (const Op op : {Op::none, Op::transpose}) {
        const MatrixD left = op == Op::none ? a : MatrixD(a.transpose());
        BlockCyclic found = spread(grid, c, block);
        add_symmetric_product(op, -1.5, spread(grid, left, block), 0.5, found);
        MatrixD expected = c;
        expected.triangularView<Eigen::Lower>() = MatrixD(-1.5 * a * a.transpose() + 0.5 * c);
        EXPECT_LT(largest(collected(found) - expected), 1e-11);
      }
      const VectorD squares = row_products(spread(grid, a, block), spread(grid, a, block));
      EXPECT_LT((squares - a.rowwise().squaredNorm()).cwiseAbs().maxCoeff(), 1e-9 * a.squaredNorm());
    }
  });
}

TEST_P(DistributedLinalg, CholeskyAndTriangularOperationsAreThoseOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    Execution exec;
    for (const auto& [m, n, block] : kSizes) {
      const MatrixD a = positive_definite(n, 1), b = random_matrix(m, n, 2);
      MatrixD lower = a;
      cholesky(exec, lower);
      BlockCyclic l = spread(grid, a, block);
      cholesky(l);
      EXPECT_LT(largest(MatrixD(collected(l).triangularView<Eigen::Lower>()) - lower), 1e-10 * largest(lower));
      for (const Op op : {Op::none, Op::transpose}) {
        const MatrixD triangle = op == Op::none ? lower : MatrixD(lower.transpose());
        BlockCyclic found = spread(grid, b, block);
        multiply_lower(op, l, found);
        EXPECT_LT(largest(collected(found) - b * triangle), 1e-10 * largest(b * triangle));
        divide_lower(op, l, found);
        EXPECT_LT(largest(collected(found) - b), 1e-8);
      }
    }
  });
}

TEST_P(DistributedLinalg, AnIndefiniteMatrixIsTheSameFailureOnAllRanks) {
  on_grid([](const ProcessGrid& grid) {
    for (const double bad : {-1.0, std::nan("")}) {
      MatrixD a = MatrixD::Identity(97, 97);
      a(50, 50) = bad;
      BlockCyclic spread_a = spread(grid, a, 16);
      try {
        cholesky(spread_a);
        ADD_FAILURE() << "no error";
      } catch (const CholeskyFailure& failure) {
        EXPECT_EQ(failure.column(), 50);
      }
    }
  });
}

TEST_P(DistributedLinalg, EigenvectorsAreThoseOfOneRank) {
  on_grid([](const ProcessGrid& grid) {
    for (const auto& [n, k, block] :
         {Size{97, 10, 16}, {130, 130, 32}, {130, 1, 16}, {1, 1, 16}, {2, 1, 16}, {5, 3, 16}}) {
      const MatrixD a = positive_definite(n, 3);
      const LeadingEigenvectors expected = leading_eigenvectors(a, k);
      const DistributedEigenvectors found = leading_eigenvectors(spread(grid, a, block), k);
      EXPECT_LT(largest(found.values - expected.values), 1e-11 * expected.values(0));
      const MatrixD v = collected(found.vectors);
      EXPECT_LT(largest(v.transpose() * v - MatrixD::Identity(k, k)), 1e-11);
      EXPECT_LT(largest(a * v - v * found.values.asDiagonal()), 1e-11 * expected.values(0));
    }
  });
}

TEST_P(DistributedLinalg, EigenvectorsOfMultipleEigenvaluesAreOrthonormal) {
  on_grid([](const ProcessGrid& grid) {
    for (const MatrixD& a :
         {MatrixD(MatrixD::Identity(70, 70)), MatrixD(MatrixD::Zero(70, 70)), MatrixD(MatrixD::Ones(70, 70))}) {
      const MatrixD v = collected(leading_eigenvectors(spread(grid, a, 16), 9).vectors);
      EXPECT_LT(largest(v.transpose() * v - MatrixD::Identity(9, 9)), 1e-12);
    }
  });
}

TEST_P(DistributedLinalg, AMatrixThatIsNotFiniteHasNoEigenvectorsOnAnyRank) {
  on_grid([](const ProcessGrid& grid) {
    MatrixD a = MatrixD::Identity(70, 70);
    a(40, 40) = std::nan("");
    EXPECT_THROW(leading_eigenvectors(spread(grid, a, 16), 3), CallError);
  });
}

TEST_P(DistributedLinalg, TheSameGridGivesTheSameBits) {
  on_grid([](const ProcessGrid& grid) {
    const auto bits = [&] {
      BlockCyclic l = spread(grid, positive_definite(130, 4), 16), b = spread(grid, random_matrix(61, 130, 5), 16);
      cholesky(l);
      divide_lower(Op::transpose, l, b);
      multiply_lower(Op::none, l, b);
      return std::pair(collected(b),
                       collected(leading_eigenvectors(spread(grid, positive_definite(130, 6), 16), 7).vectors));
    };
    const auto first = bits(), second = bits();
    EXPECT_EQ(first.first, second.first);
    EXPECT_EQ(first.second, second.second);
  });
}

}  // namespace
}  // namespace lrc
