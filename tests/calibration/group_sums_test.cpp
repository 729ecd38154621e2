// The second pass over a group's inputs, and how far they fall short of the original model's, against explicit
// matrices.
#include "lrc/calibration/group_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "linalg/random_matrix.hpp"
#include "lrc/linalg/gemm.hpp"

namespace lrc {
namespace {

constexpr Index kInputs = 37, kUnits = 3, kTokens = 200, kRouted = 50, kEnough = 400;

// All tokens of a unit, tokens×d: channels of different loudness and mean. The first kRouted of them reach the group.
MatrixF unit_inputs(unsigned unit) {
  MatrixF x = random_floats(kTokens, kInputs, unit);
  for (Index j = 0; j < kInputs; ++j)
    x.col(j) = (0.2F + 0.1F * static_cast<float>(j % 7)) * (x.col(j).array() + static_cast<float>(j % 3));
  return x;
}

MatrixF unit_drift(unsigned unit) { return 0.1F * random_floats(kTokens, kInputs, 100 + unit); }

FixedPointScales scales() { return {unit_inputs(0).cast<double>().colwise().squaredNorm().transpose(), kUnits}; }

// `of_unit` of all units, one below the other; of each unit the first `tokens`.
template <class OfUnit>
MatrixD all_units(OfUnit of_unit, Index tokens) {
  MatrixD all(kUnits * tokens, kInputs);
  for (Index u = 0; u < kUnits; ++u)
    all.middleRows(u * tokens, tokens) = of_unit(static_cast<unsigned>(u)).topRows(tokens).template cast<double>();
  return all;
}

// The sums of this rank's units, reduced to rank 0.
GroupSums summed(const Communicator& world, Execution& exec, const ActivationQuantizer& quantizer, bool starved) {
  GroupSums sums(TokenSums("g", MomentKind::inputs, quantizer, scales(), Summing::twice), starved ? kEnough : 0);
  if (starved) sums.want_all();
  sums.begin_drift();
  for (Index u = world.rank(); u < kUnits; u += world.size()) {
    const MatrixF x = unit_inputs(static_cast<unsigned>(u)), drift = unit_drift(static_cast<unsigned>(u));
    sums.routed().add(exec, x.topRows(kRouted));
    sums.add_drift(exec, drift.topRows(kRouted), x.topRows(kRouted));
    if (!starved) continue;
    sums.all().add(exec, x);
    sums.add_drift_of_all(exec, drift, x);
  }
  sums.reduce(world, 0, 0);
  sums.reduce_drift(world, 0);
  return sums;
}

// What `of_tokens` gives for the routed tokens and, with the weight of what they lack, for all.
template <class OfTokens>
MatrixD blended(bool starved, OfTokens of_tokens) {
  MatrixD own = of_tokens(kRouted);
  if (!starved) return own;
  const double weight = static_cast<double>(kEnough - kUnits * kRouted) / static_cast<double>(kUnits * kTokens);
  return own + weight * of_tokens(kTokens);
}

// Q_a of every row, in groups of channels.
constexpr float kClip = 0.75F;
MatrixD quantized(const MatrixD& x, Index group) {
  MatrixD y = MatrixD::Zero(x.rows(), x.cols());
  for (Index token = 0; token < x.rows(); ++token) {
    for (Index first = 0; first < x.cols(); first += group) {
      const Index size = std::min(group, x.cols() - first);
      const double scale = static_cast<double>(kClip) * x.row(token).segment(first, size).cwiseAbs().maxCoeff() / 7;
      for (Index j = first; j < first + size; ++j)
        y(token, j) = scale * std::clamp(std::nearbyint(x(token, j) / scale), -8.0, 7.0);
    }
  }
  return y;
}

struct Prepared {
  MatrixD centred, rest;  // x − μ, and that without its part in E: what the quantizer sees
};

Prepared prepared(const Preparation& how, Index tokens) {
  Prepared result{all_units(unit_inputs, tokens), {}};
  if (how.mean.size() > 0) result.centred.rowwise() -= how.mean.cast<double>().transpose();
  const MatrixD e = how.directions.cast<double>();
  result.rest = result.centred;
  if (e.cols() > 0) result.rest -= result.centred * e * e.transpose();
  return result;
}

void expect_near(const MatrixF& found, const MatrixD& expected) {
  ASSERT_EQ(found.rows(), expected.rows());
  ASSERT_EQ(found.cols(), expected.cols());
  EXPECT_LT((found.cast<double>() - expected).cwiseAbs().maxCoeff(), 1e-5 * expected.cwiseAbs().maxCoeff());
}

std::vector<Preparation> preparations() {
  const VectorF mean = unit_inputs(0).colwise().mean().transpose();
  const MatrixF directions = 0.15F * random_floats(kInputs, 4, 9);  // as int8 leaves them: not quite orthonormal
  return {{mean, directions}, {mean, MatrixF(kInputs, 0)}, {VectorF(), directions}, {VectorF(), MatrixF()}};
}

class SecondPass : public testing::TestWithParam<std::tuple<bool, Index>> {
 protected:
  // Calls compare(sums, preparation) on rank 0.
  template <class Compare>
  void expect_all(MomentKind kind, Compare compare) {
    single_threaded_blas();
    const Communicator world;
    Execution exec(2);
    GroupSums sums = summed(world, exec, {.clip = kClip, .group_size = std::get<1>(GetParam())}, starved_);
    for (const Preparation& how : preparations()) {
      sums.sum_second(exec, kind, how);
      sums.reduce_second(world, 0);
      if (!world.is_root()) continue;
      SCOPED_TRACE(fmt::format("mean {}, directions {}", how.mean.size(), how.directions.cols()));
      const SummedMoments found = sums.second();
      EXPECT_EQ(found.tokens, kUnits * kRouted);
      compare(found, how);
    }
  }

  bool starved_ = std::get<0>(GetParam());
  Index group_ = std::get<1>(GetParam()) > 0 ? std::get<1>(GetParam()) : kInputs;
};

TEST_P(SecondPass, CrossIsOfCentredInputsAndWhatIsLeftOfThemQuantized) {
  expect_all(MomentKind::cross, [&](const SummedMoments& found, const Preparation& how) {
    expect_near(found.xy, blended(starved_, [&](Index tokens) -> MatrixD {
                  const Prepared x = prepared(how, tokens);
                  return x.centred.transpose() * quantized(x.rest, group_);
                }));
    expect_near(found.yy, blended(starved_, [&](Index tokens) -> MatrixD {
                  const MatrixD y = quantized(prepared(how, tokens).rest, group_);
                  return y.transpose() * y;
                }));
  });
}

TEST_P(SecondPass, DiagonalsAreOfWhatTheQuantizerSees) {
  expect_all(MomentKind::diagonals, [&](const SummedMoments& found, const Preparation& how) {
    expect_near(found.xy, blended(starved_, [&](Index tokens) -> MatrixD {
                  const MatrixD x = prepared(how, tokens).rest;
                  return x.cwiseProduct(quantized(x, group_)).colwise().sum();
                }));
    expect_near(found.yy, blended(starved_, [&](Index tokens) -> MatrixD {
                  return quantized(prepared(how, tokens).rest, group_).colwise().squaredNorm();
                }));
  });
}

INSTANTIATE_TEST_SUITE_P(Cases, SecondPass, testing::Combine(testing::Bool(), testing::Values(Index{0}, Index{10})));

TEST(GroupSums, AFixedGridSpansWhatIsQuantizedOfTheTokensOfAllRanks) {
  single_threaded_blas();
  const Communicator world;
  Execution exec(2);
  for (const bool starved : {false, true}) {
    GroupSums sums = summed(world, exec, {.bits = 8, .scale = ActivationScale::fixed}, starved);
    for (const Preparation& how : preparations()) {
      const InputRange range = range_of_all(world, sums.prepared_range(exec, how));
      const MatrixD seen = prepared(how, starved ? kTokens : kRouted).rest;
      EXPECT_NEAR(static_cast<double>(range.lowest), std::min(0.0, seen.minCoeff()), 1e-5);
      EXPECT_NEAR(static_cast<double>(range.highest), std::max(0.0, seen.maxCoeff()), 1e-5);
      const ActivationGrid grid = asymmetric_grid(range.lowest, range.highest, 8);
      sums.fix_grid(grid);
      sums.sum_second(exec, MomentKind::cross, how);
      sums.reduce_second(world, 0);
      if (!world.is_root()) continue;
      const double scale = static_cast<double>(grid.scale), zero = static_cast<double>(grid.zero_point);
      expect_near(sums.second().yy, blended(starved, [&](Index tokens) -> MatrixD {
                    const MatrixD y = prepared(how, tokens).rest.unaryExpr([&](double x) {
                      return (std::clamp(std::nearbyint(x / scale + zero), -128.0, 127.0) - zero) * scale;
                    });
                    return y.transpose() * y;
                  }));
    }
  }
}

TEST(InputRange, IncludesZeroAndNothingOfNoTokens) {
  Execution exec(2);
  InputRange range;
  range.include(exec, MatrixF(0, 5));
  range.include(exec, MatrixF::Constant(70, 3, 2));
  EXPECT_EQ(range.lowest, 0);
  EXPECT_EQ(range.highest, 2);
}

TEST(GroupSums, FirstPassAndDriftAreThoseOfExplicitInputs) {
  single_threaded_blas();
  const Communicator world;
  Execution exec(2);
  for (const bool starved : {false, true}) {
    const GroupSums sums = summed(world, exec, {}, starved);
    if (!world.is_root()) continue;
    const auto x = [](Index tokens) { return all_units(unit_inputs, tokens); };
    const auto drift = [](Index tokens) { return all_units(unit_drift, tokens); };
    expect_near(sums.result(0).xx, blended(starved, [&](Index n) -> MatrixD { return x(n).transpose() * x(n); }));
    expect_near(sums.input_sums().transpose().cast<float>(),
                blended(starved, [&](Index n) -> MatrixD { return x(n).colwise().sum(); }));
    expect_near(sums.drift(), blended(starved, [&](Index n) -> MatrixD { return drift(n).transpose() * x(n); }));
    expect_near(sums.drift_sums().transpose().cast<float>(),
                blended(starved, [&](Index n) -> MatrixD { return drift(n).colwise().sum(); }));
    EXPECT_NEAR(sums.weighted_tokens(), static_cast<double>(starved ? kEnough : kUnits * kRouted), 1e-9);
  }
}

}  // namespace
}  // namespace lrc
