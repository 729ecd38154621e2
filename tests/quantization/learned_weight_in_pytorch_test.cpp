// What PyTorch's gradients say of the same weights.
#include <gtest/gtest.h>

#include "lrc/model/format/stored_model.hpp"
#include "lrc/quantization/lrq/learned_weight.hpp"
#include "lrq_fixture.hpp"

namespace lrc {
namespace {

void expect_close(const MatrixF& value, const MatrixF& expected, float tolerance, const std::string& name) {
  ASSERT_EQ(value.rows(), expected.rows()) << name;
  ASSERT_EQ(value.cols(), expected.cols()) << name;
  EXPECT_LE((value - expected).cwiseAbs().maxCoeff(), tolerance * expected.cwiseAbs().maxCoeff()) << name;
}

// Some numbers are clamped, some just at a bound. The numbers are those of
//   class Ste(torch.autograd.Function):  # forward: x.round(), backward: g
//   x = W / (d1 + torch.addmm(c2, L2, U2) + r2).exp()
//   (torch.minimum(torch.maximum(Ste.apply(x), -z), 3 - z) * d1.exp()).backward(G)
TEST(LearnedWeightInPyTorch, HasTheSameGradientsAtTheBounds) {
  MatrixF weight(3, 4), by_values(3, 4), log_scales(3, 1), u2(1, 4), expected(1, 4);
  weight << 0.1F, -0.2F, 0.3F, 0.4F, 0.05F, 0.25F, -0.6F, 0.1F, -0.3F, 0.3F, 0.15F, 0;
  by_values << 1, -2, 3, -4, 5, 6, 7, 8, 0.5F, 0.25F, -0.125F, 1;
  log_scales << -2, -1.5F, -1.75F;
  u2 << 0.25F, -0.5F, 1, 0.125F;
  FittedGrid grid{.scales = log_scales.array().exp(), .zero_points = MatrixI8(3, 1)};
  grid.zero_points << 1 - 2, 2 - 2, 0 - 2;
  LearnedWeight learned = LearnedWeight::low_rank(weight, 2, grid, u2);
  learned.parameters()[0].values = log_scales;
  learned.parameters()[1].values << 0.5F, -0.25F, 1;
  learned.parameters()[3].values << 0.125F, -0.25F, 0;
  learned.parameters()[4].values << 0.25F, 0, -0.125F, 0.5F;

  Execution exec;
  MatrixF values(3, 4);
  values << 0, -0.1353352814912796F, 0.1353352814912796F, 0.1353352814912796F, 0, 0.22313016653060913F,
      -0.44626033306121826F, 0, 0, 0.5213218331336975F, 0, 0;
  expect_close(learned.values(exec), values, 1e-6F, "values");
  const std::vector<MatrixF> gradients = learned.gradient(exec, by_values);
  MatrixF d1(3, 1), l2(3, 1), r2(3, 1), c2(1, 4);
  d1 << 0.33333510160446167F, -3.54384446144104F, 0.07241149246692657F;
  l2 << -0.46047449111938477F, 0.27804750204086304F, 0.034821607172489166F;
  u2 << 0.03620438277721405F, 0.15063829720020294F, -0.26903071999549866F, 0.5629698038101196F;
  r2 << 0.19799983501434326F, -1.758803129196167F, -0.0579189695417881F;
  c2 << -0.3267767131328583F, -0.9116884469985962F, -0.5419694781303406F, 0.1617124080657959F;
  const std::vector<MatrixF> pytorch{d1, l2, u2, r2, c2};
  for (std::size_t k = 0; k < pytorch.size(); ++k) {
    expect_close(gradients[k], pytorch[k], 1e-6F, learned.parameters()[k].name);
  }
}

// The gradient by Ŵ of the fixtures' loss, where a number takes part: FlexRound's S2 has −G·s·x as its gradient, and
// at the start LRQ is FlexRound.
MatrixF gradient_by_values(const MatrixF& weight, const FittedGrid& grid, const MatrixF& by_logs) {
  return MatrixF::NullaryExpr(weight.rows(), weight.cols(), [&](Index i, Index j) {
    const float q = std::round(weight(i, j) / grid.scales(i, 0)) + static_cast<float>(grid.zero_points(i, 0));
    const float share = q == -8 || q == 7 ? 0.5F : 1.0F;
    return by_logs(i, j) == 0 ? 0 : by_logs(i, j) / (-share * weight(i, j));
  });
}

TEST(LearnedWeightInPyTorch, HasTheFixturesFirstGradients) {
  LRC_REQUIRE_LRQ_FIXTURE();
  LRC_REQUIRE_SHARED_DATA("models/stories260k");
  const StoredModel model(shared_data("models/stories260k"));
  Execution exec(2);
  for (const GroupLayout& group : block_layout(model.config(), 0).groups()) {
    for (const Linear& linear : model.group(0, group).linears) {
      const MatrixF zeros = lrq_fixture("z_", linear.name);
      const FittedGrid grid{.scales = lrq_fixture("s_", linear.name),
                            .zero_points = (zeros.array() - 8).cast<std::int8_t>()};
      const MatrixF by_logs = lrq_fixture("../fixture_flexround/grad0_", linear.name, "_S2");
      const MatrixF by_values = gradient_by_values(linear.weight, grid, by_logs);
      const LearnedWeight full = LearnedWeight::full(linear.weight, 4, grid);
      expect_close(full.gradient(exec, by_values)[1], by_logs, 1e-5F, linear.name);

      const LearnedWeight low_rank = LearnedWeight::low_rank(linear.weight, 4, grid, lrq_fixture("U2_", linear.name));
      const std::vector<MatrixF> gradients = low_rank.gradient(exec, by_values);
      for (std::size_t k = 1; k < gradients.size(); ++k) {  // d1 has a part of clamped numbers, too
        const std::string& parameter = low_rank.parameters()[k].name;
        expect_close(gradients[k], lrq_fixture("grad0_", linear.name, "_" + parameter), 1e-5F,
                     linear.name + " " + parameter);
      }
    }
  }
}

}  // namespace
}  // namespace lrc
