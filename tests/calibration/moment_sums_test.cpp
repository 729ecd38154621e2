#include <gtest/gtest.h>

#include <random>

#include "lrc/calibration/group_sums.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/activation_quantizer.hpp"

namespace lrc {
namespace {

// Tokens with channels of very different loudness, one of them silent.
MatrixF inputs(Index tokens, Index d, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  MatrixF x(tokens, d);
  for (Index t = 0; t < tokens; ++t) {
    for (Index j = 0; j < d; ++j) x(t, j) = normal(random) * std::pow(10.0F, static_cast<float>(j % 5) - 2);
  }
  if (d > 3) x.col(3).setZero();
  return x;
}

MatrixF quantized(MatrixF x) {
  ActivationQuantizer{}.apply(x);
  return x;
}

VectorD energy(const MatrixF& x) { return x.cast<double>().colwise().squaredNorm().transpose(); }

// |a − b| relative to what Cauchy and Schwarz allow the entry to be.
double largest_error(const MatrixF& a, const MatrixD& b, const MatrixD& left, const MatrixD& right) {
  double worst = 0;
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      const double scale = left.col(i).norm() * right.col(j).norm();
      if (scale == 0) {
        EXPECT_EQ(a(i, j), 0);
      } else {
        worst = std::max(worst, std::abs(static_cast<double>(a(i, j)) - b(i, j)) / scale);
      }
    }
  }
  return worst;
}

TEST(MomentSums, AreThoseOfExplicitInputs) {
  single_threaded_blas();
  const Communicator self(MPI_COMM_SELF);
  Execution exec(2);
  for (const Index d : {1, 2, 7, 255, 256, 257, 300}) {
    const MatrixF first = inputs(200, d, 1), second = inputs(77, d, 2);
    MomentSums sums("g", MomentKind::exact, FixedPointScales(energy(first), 2));
    sums.add(exec, first, quantized(first));
    sums.add(exec, second, quantized(second));
    sums.reduce(self, 0, {0, d});
    const SummedMoments result = sums.result({0, d});
    EXPECT_EQ(result.tokens, 277);
    MatrixF x(277, d);
    x << first, second;
    MatrixF y(277, d);
    y << quantized(first), quantized(second);
    const MatrixD xd = x.cast<double>(), yd = y.cast<double>();
    EXPECT_LT(largest_error(result.xx, xd.transpose() * xd, xd, xd), 4e-6) << d;
    EXPECT_LT(largest_error(result.xy, xd.transpose() * yd, xd, yd), 4e-6) << d;
    EXPECT_LT(largest_error(result.yy, yd.transpose() * yd, yd, yd), 4e-6) << d;
    EXPECT_EQ(result.xx, result.xx.transpose());
  }
}

TEST(MomentSums, OfTheOneMatrixFormHaveTheDiagonalsOfTheOthers) {
  single_threaded_blas();
  Execution exec(1);
  const MatrixF x = inputs(500, 40, 3), y = quantized(x);
  MomentSums exact("g", MomentKind::exact, FixedPointScales(energy(x), 1)),
      diagonal("g", MomentKind::diagonal, FixedPointScales(energy(x), 1));
  exact.add(exec, x, y);
  diagonal.add(exec, x, y);
  exact.reduce(Communicator(MPI_COMM_SELF), 0, {0, 40});
  diagonal.reduce(Communicator(MPI_COMM_SELF), 0, {0, 40});
  const SummedMoments all = exact.result({0, 40}), some = diagonal.result({0, 40});
  EXPECT_EQ(some.xx, all.xx);
  ASSERT_EQ(some.xy.rows(), 1);
  for (Index j = 0; j < 40; ++j) {
    EXPECT_NEAR(some.xy(0, j), all.xy(j, j), 1e-5F * std::abs(all.xy(j, j)));
    EXPECT_NEAR(some.yy(0, j), all.yy(j, j), 1e-5F * std::abs(all.yy(j, j)));
  }
}

// Units are dealt to the ranks and added in another order on each: the sums are those of one rank, bit for bit.
TEST(MomentSums, DoNotDependOnRanksThreadsOrOrder) {
  single_threaded_blas();
  const Communicator world;
  constexpr Index kUnits = 7;
  std::vector<MatrixF> units;
  for (unsigned u = 0; u < kUnits; ++u) units.push_back(inputs(60 + 10 * static_cast<Index>(u), 130, u));
  const FixedPointScales scales(energy(units[0]), kUnits);
  for (const MomentKind kind : {MomentKind::exact, MomentKind::diagonal}) {
    Execution one(1), three(3);
    MomentSums alone("g", kind, scales), together("g", kind, scales);
    for (const MatrixF& unit : units) alone.add(one, unit, quantized(unit));
    for (Index u = kUnits - 1; u >= 0; --u) {
      if (u % world.size() == world.rank())
        together.add(three, units[static_cast<std::size_t>(u)], quantized(units[static_cast<std::size_t>(u)]));
    }
    const int owner = world.size() / 2;
    constexpr RowRange kAll{0, 130};
    together.reduce(world, owner, kAll);
    alone.reduce(Communicator(MPI_COMM_SELF), 0, kAll);
    if (world.rank() != owner) continue;
    const SummedMoments a = alone.result(kAll), b = together.result(kAll);
    EXPECT_EQ(a.tokens, b.tokens);
    EXPECT_EQ(a.xx, b.xx);
    EXPECT_EQ(a.xy, b.xy);
    EXPECT_EQ(a.yy, b.yy);
  }
}

// However they are summed, panels are the rows of the whole, bit for bit.
TEST(GroupSums, OfPanelsAreTheRowsOfTheWhole) {
  single_threaded_blas();
  const Communicator world;
  Execution exec(2);
  constexpr Index kInputs = 2600;
  const MomentPanels panels{kInputs};
  ASSERT_GT(panels.count(), 1);
  const MatrixF x = inputs(40, kInputs, static_cast<unsigned>(world.rank()));
  const FixedPointScales scales(energy(inputs(40, kInputs, 0)), world.size());
  for (const MomentKind kind : {MomentKind::exact, MomentKind::diagonal}) {
    MomentSums whole("g", kind, scales);
    whole.add(exec, x, quantized(x));
    whole.reduce(world, 0, {0, kInputs});
    for (const Summing summing : {Summing::at_once, Summing::by_panels}) {
      GroupSums sums(TokenSums("g", kind, ActivationQuantizer{}, scales, summing), 0);
      sums.routed().add(exec, x);
      const SummedMoments found = assembled(kInputs, [&](Index panel) {
        sums.sum(exec, panel);
        sums.reduce(world, 0, panel);
        return sums.result(panel);
      });
      if (!world.is_root()) continue;
      const SummedMoments expected = whole.result({0, kInputs});
      EXPECT_EQ(found.tokens, 40 * world.size());
      EXPECT_EQ(found.xx, expected.xx);
      EXPECT_EQ(found.xy, expected.xy);
      EXPECT_EQ(found.yy, expected.yy);
    }
  }
}

// Of quantized inputs that are never stored, and of stored ones: both are the explicit sums.
TEST(ChannelSums, AreTheExplicitSumsOfInputsAndWhatIsMadeOfThem) {
  for (const Index d : {1, 127, 128, 129, 300}) {
    for (const Index group : {0, 48}) {
      Execution one(1), three(3);
      const ActivationQuantizer quantizer{.clip = 0.8F, .group_size = group};
      const MatrixF x = inputs(70, d, static_cast<unsigned>(d));
      MatrixF y = x;
      quantizer.apply(y);
      const ChannelSums quantized = channel_sums(three, x, quantizer), stored = channel_sums(one, x, y);
      EXPECT_EQ(quantized.x, stored.x);
      EXPECT_EQ(quantized.xx, stored.xx);
      EXPECT_EQ(quantized.xy, stored.xy);
      EXPECT_EQ(quantized.yy, stored.yy);
      const MatrixD xd = x.cast<double>(), yd = y.cast<double>();
      for (Index j = 0; j < d; ++j) {
        EXPECT_NEAR(stored.x[j], xd.col(j).sum(), 1e-12 * xd.col(j).lpNorm<1>());
        EXPECT_NEAR(stored.xx[j], xd.col(j).squaredNorm(), 1e-12 * xd.col(j).squaredNorm());
        EXPECT_NEAR(stored.xy[j], xd.col(j).dot(yd.col(j)), 1e-12 * xd.col(j).squaredNorm());
        EXPECT_NEAR(stored.yy[j], yd.col(j).squaredNorm(), 1e-12 * yd.col(j).squaredNorm());
      }
    }
  }
}

TEST(MomentSums, NameTheChannelThatDoesNotFit) {
  Execution exec(1);
  MatrixF x = inputs(100, 8, 5);
  MomentSums sums("model.layers.3.mlp.down", MomentKind::exact, FixedPointScales(energy(x), 1));
  MatrixF loud = x;
  loud(17, 6) = 1e9F;
  const auto message = [&](const MatrixF& unit) -> std::string {
    try {
      sums.add(exec, unit, unit);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message(loud).find("model.layers.3.mlp.down: the second moment of input channel 6"), std::string::npos)
      << message(loud);
  loud(17, 6) = NAN;
  EXPECT_NE(message(loud).find("channel 6 is nan"), std::string::npos) << message(loud);
}

TEST(FixedPoint, LeavesRoomForMuchLouderInputsThanExpected) {
  VectorD expected = VectorD::Constant(4, 10.0);
  const FixedPointScales scales(expected, 100);
  EXPECT_NO_THROW(scales.check_square("g", 0, 10.0 * 0x1p18));
  EXPECT_THROW(scales.check_square("g", 0, 10.0 * 0x1p22), Error);
  EXPECT_NEAR(scales.value(0, 1, scales.rounded(0, 1, 1.0 / 3)), 1.0 / 3, 1e-8);
}

}  // namespace
}  // namespace lrc
