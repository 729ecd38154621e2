#include <cmath>

#include "distributed/grids.hpp"
#include "linalg/random_matrix.hpp"
#include "lrc/linalg/matrix_kinds.hpp"

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

MatrixD upper(const MatrixD& a) { return a.triangularView<Eigen::Upper>(); }

class DistributedLinalg : public Grids {
 protected:
  Execution exec_;
};
INSTANTIATE_TEST_SUITE_P(On, DistributedLinalg, kGrids, grid_name);

TEST_P(DistributedLinalg, PanelsGoOutAndComeBack) {
  on_grid([](const ProcessGrid& grid) {
    for (const auto& [m, n, block] : kSizes) {
      const MatrixD a = random_matrix(m, n, 1);
      DistributedMatrix spread_a = spread(grid, a, block);
      EXPECT_EQ(collected(spread_a), a);
      EXPECT_EQ(spread_a.rows_everywhere(m / 3, m, n / 2), a.block(m / 3, n / 2, m - m / 3, n - n / 2));
      const int root = grid.ranks() - 1;
      const MatrixD rows = spread_a.rows_on(root, m / 4, m / 2);
      if (grid.rank() == root) {
        EXPECT_EQ(rows, a.middleRows(m / 4, m / 2 - m / 4));
      } else {
        EXPECT_EQ(rows.size(), 0);
      }
      for (Index i = 0; i < spread_a.local().rows(); ++i) {
        for (Index j = 0; j < spread_a.local().cols(); ++j) {
          ASSERT_EQ(spread_a.local()(i, j), a(spread_a.row_of(i), spread_a.col_of(j)));
        }
      }
      MatrixD changed = a;
      changed.middleRows(m / 4, m / 2 - m / 4) *= 2;
      spread_a.set_rows(root, m / 4, m / 2, grid.rank() == root ? MatrixD(2 * rows) : MatrixD());
      EXPECT_EQ(collected(spread_a), changed);
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
      DistributedMatrix::from_panels(grid, 70, 70, 16, broken);
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
  on_grid([&](const ProcessGrid& grid) {
    for (const auto& [m, n, block] : kSizes) {
      const MatrixD a = random_matrix(m, n, 1), b = random_matrix(n, m, 2), c = random_matrix(m, m, 3);
      for (const Op op_a : {Op::none, Op::transpose}) {
        for (const Op op_b : {Op::none, Op::transpose}) {
          const MatrixD left = op_a == Op::none ? a : MatrixD(a.transpose());
          const MatrixD right = op_b == Op::none ? b : MatrixD(b.transpose());
          MatrixD expected = c;
          gemm(exec_, op_a, op_b, 0.5, left, right, -2.0, expected);
          DistributedMatrix found = spread(grid, c, block);
          gemm(exec_, op_a, op_b, 0.5, spread(grid, left, block), spread(grid, right, block), -2.0, found);
          EXPECT_LT(largest(collected(found) - expected), 1e-11);
        }
      }
      const DistributedMatrix spread_a = spread(grid, a, block), other = spread(grid, 2 * a, block);
      for (const auto& [op, opposite] : {std::pair{Op::none, Op::transpose}, std::pair{Op::transpose, Op::none}}) {
        const MatrixD expected = symmetric_product(exec_, a, a, op, opposite);
        EXPECT_LT(largest(upper(collected(symmetric_product(exec_, spread_a, spread_a, op, opposite)) - expected)),
                  1e-11);
        EXPECT_LT(largest(upper(collected(symmetric_product(exec_, spread_a, other, op, opposite)) - 2 * expected)),
                  1e-11);
      }
      const MatrixD d = random_matrix(m, n, 4);
      const DistributedMatrix sum = symmetric_sum(exec_, spread_a, spread(grid, d, block));
      EXPECT_LT(largest(upper(collected(sum) - symmetric_sum(exec_, a, d))), 1e-11);
      EXPECT_LT(largest(upper(symmetric_sum(exec_, a, d) - a * d.transpose() - d * a.transpose())), 1e-11);
      EXPECT_EQ(collected(transposed(exec_, spread_a)), transposed(exec_, a));
    }
  });
}

// Ranks without a correction: products with no columns.
TEST_P(DistributedLinalg, EmptyMatricesAreProductsOfNothing) {
  on_grid([&](const ProcessGrid& grid) {
    const DistributedMatrix a = spread(grid, random_matrix(61, 97, 1), 16);
    const DistributedMatrix none = zeros(a, 97, 0);
    EXPECT_EQ(product(exec_, a, none).cols(), 0);
    DistributedMatrix rest = a;
    gemm(exec_, Op::none, Op::transpose, -1.0, zeros(a, 61, 0), none, 1.0, rest);
    EXPECT_EQ(collected(rest), collected(a));
    DistributedMatrix nothing = zeros(a, 0, 0);
    upper_cholesky(exec_, nothing);
    DistributedMatrix part = none;
    divide_upper(exec_, Op::none, nothing, part);
    EXPECT_EQ(largest(collected(symmetric_product(exec_, none, none, Op::none, Op::transpose))), 0);
    EXPECT_EQ(column_squares(exec_, none).size(), 0);
    EXPECT_EQ(own_rows(none).cols(), 0);
  });
}

// What works element by element, and sums of rows and columns: in the same order of rows and columns as on one rank.
TEST_P(DistributedLinalg, ElementsAreTreatedAsOnOneRank) {
  on_grid([&](const ProcessGrid& grid) {
    for (const auto& [m, n, block] : kSizes) {
      MatrixD a = random_matrix(m, n, 1);
      const MatrixD b = random_matrix(m, n, 2);
      VectorD of_rows = random_matrix(m, 1, 3), of_columns = random_matrix(n, 1, 4);
      of_columns(n / 2) = 0;
      DistributedMatrix spread_a = spread(grid, a, block);
      const DistributedMatrix spread_b = spread(grid, b, block);
      const auto expect_same = [&] { EXPECT_EQ(collected(spread_a), a); };
      for (const auto& change : std::vector<std::function<void(MatrixD&)>>{
               [&](MatrixD& c) { add(exec_, -1.5, b, c); }, [&](MatrixD& c) { scale(exec_, 0.25, c); },
               [&](MatrixD& c) { scale_rows(exec_, of_rows, c); },
               [&](MatrixD& c) { scale_columns(exec_, of_columns, c); },
               [&](MatrixD& c) { divide_columns(exec_, (of_columns.array() + 3).matrix(), c); }})
        change(a);
      add(exec_, -1.5, spread_b, spread_a);
      scale(exec_, 0.25, spread_a);
      scale_rows(exec_, of_rows, spread_a);
      scale_columns(exec_, of_columns, spread_a);
      divide_columns(exec_, (of_columns.array() + 3).matrix(), spread_a);
      expect_same();
      EXPECT_LT(largest(row_products(exec_, spread_a, spread_b) - row_products(exec_, a, b)), 1e-15 * a.squaredNorm());
      EXPECT_LT(largest(column_squares(exec_, spread_a) - column_squares(exec_, a)), 1e-15 * a.squaredNorm());
      EXPECT_EQ(column_maxima(spread_a), column_maxima(a));
      EXPECT_TRUE(is_finite(spread_a));
      a(m - 1, n / 3) = std::nan("");
      EXPECT_FALSE(is_finite(spread(grid, a, block)));
      EXPECT_EQ(column_maxima(spread(grid, a, block)), column_maxima(a));
      MatrixD square = random_matrix(n, n, 5);
      DistributedMatrix spread_square = spread(grid, square, block);
      EXPECT_EQ(spread_square.diagonal(), VectorD(square.diagonal()));
      set_diagonal(exec_, of_columns, spread_square);
      add_to_diagonal(exec_, 0.5, spread_square);
      square.diagonal() = of_columns.array() + 0.5;
      EXPECT_EQ(collected(spread_square), square);
      mirror_lower(exec_, spread_square);
      square.triangularView<Eigen::StrictlyUpper>() = square.transpose().eval();
      EXPECT_EQ(collected(spread_square), square);
    }
  });
}

TEST_P(DistributedLinalg, EachRankHasRowsOfItsOwn) {
  on_grid([&](const ProcessGrid& grid) {
    for (const auto& [m, n, block] : {Size{61, 97, 16}, {2, 97, 16}, {600, 3, 64}}) {
      const MatrixD a = random_matrix(m, n, 1).cast<float>().cast<double>();
      const DistributedMatrix spread_a = spread(grid, a, block);
      const OwnRows own = own_rows_of(grid.rank(), grid.ranks(), m);
      const MatrixD rows = own_rows(spread_a);
      EXPECT_EQ(rows, a.middleRows(own.begin, own.end - own.begin));
      EXPECT_EQ(collected(from_own_rows(spread_a, m, rows.cast<float>())), a);
      const MatrixD all = gathered_rows(spread_a, rows);
      EXPECT_EQ(all, grid.is_root() ? a : MatrixD(0, n));
    }
    const MatrixD triangle = random_matrix(300, 300, 2);
    Index done = 0;
    for_each_panel(spread(grid, triangle, 16), [&](const MatrixD& panel) {
      EXPECT_EQ(panel, triangle.block(done, done, panel.rows(), 300 - done));
      done += panel.rows();
    });
    EXPECT_EQ(done, 300);
  });
}

TEST_P(DistributedLinalg, CholeskyAndTriangularOperationsAreThoseOfOneRank) {
  on_grid([&](const ProcessGrid& grid) {
    for (const auto& [m, n, block] : kSizes) {
      const MatrixD a = positive_definite(n, 1), b = random_matrix(m, n, 2);
      MatrixD root = a;
      upper_cholesky(exec_, root);
      MatrixD only_upper = a;
      only_upper.triangularView<Eigen::StrictlyLower>().setConstant(7);
      DistributedMatrix r = spread(grid, only_upper, block);
      upper_cholesky(exec_, r);
      EXPECT_LT(largest(upper(collected(r)) - root), 1e-10 * largest(root));
      for (const Op op : {Op::none, Op::transpose}) {
        const MatrixD triangle = op == Op::none ? root : MatrixD(root.transpose());
        DistributedMatrix found = spread(grid, b, block);
        multiply_upper(exec_, op, r, found);
        EXPECT_LT(largest(collected(found) - b * triangle), 1e-10 * largest(b * triangle));
        divide_upper(exec_, op, r, found);
        EXPECT_LT(largest(collected(found) - b), 1e-8);
      }
    }
  });
}

TEST_P(DistributedLinalg, AnIndefiniteMatrixIsTheSameFailureOnAllRanks) {
  on_grid([&](const ProcessGrid& grid) {
    for (const double bad : {-1.0, std::nan("")}) {
      MatrixD a = MatrixD::Identity(97, 97);
      a(50, 50) = bad;
      DistributedMatrix spread_a = spread(grid, a, 16);
      try {
        upper_cholesky(exec_, spread_a);
        ADD_FAILURE() << "no error";
      } catch (const CholeskyFailure& failure) {
        EXPECT_EQ(failure.column(), 50);
      }
    }
  });
}

TEST_P(DistributedLinalg, EigenvectorsAreThoseOfOneRank) {
  on_grid([&](const ProcessGrid& grid) {
    for (const auto& [n, k, block] :
         {Size{97, 10, 16}, {130, 130, 32}, {130, 1, 16}, {1, 1, 16}, {2, 1, 16}, {5, 3, 16}}) {
      const MatrixD a = positive_definite(n, 3);
      const LeadingEigenvectors expected = leading_eigenvectors(exec_, a, k);
      const DistributedEigenvectors found = leading_eigenvectors(exec_, spread(grid, upper(a), block), k);
      EXPECT_LT(largest(found.values - expected.values), 1e-11 * expected.values(0));
      const MatrixD v = collected(found.vectors);
      EXPECT_LT(largest(v.transpose() * v - MatrixD::Identity(k, k)), 1e-11);
      EXPECT_LT(largest(a * v - v * found.values.asDiagonal()), 1e-11 * expected.values(0));
    }
  });
}

TEST_P(DistributedLinalg, EigenvectorsOfMultipleEigenvaluesAreOrthonormal) {
  on_grid([&](const ProcessGrid& grid) {
    for (const MatrixD& a :
         {MatrixD(MatrixD::Identity(70, 70)), MatrixD(MatrixD::Zero(70, 70)), MatrixD(MatrixD::Ones(70, 70))}) {
      const MatrixD v = collected(leading_eigenvectors(exec_, spread(grid, a, 16), 9).vectors);
      EXPECT_LT(largest(v.transpose() * v - MatrixD::Identity(9, 9)), 1e-12);
    }
  });
}

TEST_P(DistributedLinalg, AMatrixThatIsNotFiniteHasNoEigenvectorsOnAnyRank) {
  on_grid([&](const ProcessGrid& grid) {
    MatrixD a = MatrixD::Identity(70, 70);
    a(40, 40) = std::nan("");
    EXPECT_THROW(leading_eigenvectors(exec_, spread(grid, a, 16), 3), CallError);
  });
}

TEST_P(DistributedLinalg, TheSameGridGivesTheSameBits) {
  on_grid([&](const ProcessGrid& grid) {
    const auto bits = [&] {
      DistributedMatrix r = spread(grid, positive_definite(130, 4), 16),
                        b = spread(grid, random_matrix(61, 130, 5), 16);
      upper_cholesky(exec_, r);
      divide_upper(exec_, Op::transpose, r, b);
      multiply_upper(exec_, Op::none, r, b);
      return std::pair(collected(b),
                       collected(leading_eigenvectors(exec_, spread(grid, positive_definite(130, 6), 16), 7).vectors));
    };
    const auto first = bits(), second = bits();
    EXPECT_EQ(first.first, second.first);
    EXPECT_EQ(first.second, second.second);
  });
}

}  // namespace
}  // namespace lrc
