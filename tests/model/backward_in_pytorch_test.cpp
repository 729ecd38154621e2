// PyTorch's gradients of a block with rounded weights (FlexRound's first step on block 0 of stories260k).
#include <gtest/gtest.h>

#include <map>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/forward/backward.hpp"
#include "lrq_fixture.hpp"

namespace lrc {
namespace {

struct Rounded {
  MatrixF values;  // clamp(round(W/s), −z, 15 − z)·s: d_out×d_in
  MatrixF shares;  // what the clamp passes of a gradient: 1; at a bound ½, as PyTorch's minimum and maximum do; 0
};

Rounded rounded(const Linear& linear) {
  const MatrixF scales = lrq_fixture("s_", linear.name), zeros = lrq_fixture("z_", linear.name);  // d_out×1
  Rounded result{linear.weight, linear.weight};
  for (Index i = 0; i < linear.weight.rows(); ++i) {
    const float lowest = -zeros(i, 0), highest = 15 - zeros(i, 0);
    for (Index j = 0; j < linear.weight.cols(); ++j) {
      const float nearest = std::round(linear.weight(i, j) / scales(i, 0));
      result.values(i, j) = std::clamp(nearest, lowest, highest) * scales(i, 0);
      result.shares(i, j) = nearest < lowest || nearest > highest     ? 0.0F
                            : nearest == lowest || nearest == highest ? 0.5F
                                                                      : 1.0F;
    }
  }
  return result;
}

// A change of ln(x) in Ŵ = s·clamp(round(W/x)) changes Ŵ by −W times it: −W∘G is the gradient of FlexRound's S2, which
// starts at 0. The loss: Σ of squares over tokens, the mean over windows and channels.
TEST(BackwardInPyTorch, HasTheSameGradientsOfRoundedWeights) {
  LRC_REQUIRE_LRQ_FIXTURE();
  LRC_REQUIRE_SHARED_DATA("models/stories260k");
  single_threaded_blas();
  Execution exec(2);
  const StoredModel model(shared_data("models/stories260k"));
  constexpr Index kLength = 256;
  const Sequences windows = windows_of(shared_data("models/stories260k/calibration.npy"), 2, kLength);
  const RotaryEmbedding rotary(model.config(), kLength);
  const ForwardContext context{model.config(), rotary, kLength, exec};
  Block block = model.block(0);
  MatrixF target(2 * kLength, model.config().hidden_size), outputs = target;
  model.embed(windows.tokens, target);
  outputs = target;
  forward_block(context, block, target);

  std::map<std::string, MatrixF> factors;  // of a linear's gradient: −W∘shares
  for (const GroupRole stage : kStages) {
    for (LinearGroup* group : stage_groups(block, stage)) {
      for (Linear& linear : group->linears) {
        const auto [values, shares] = rounded(linear);
        factors[linear.name] = -linear.weight.cwiseProduct(shares);
        linear.weight = values;
      }
    }
  }
  BlockTape tape;
  forward_block(context, block, outputs, tape);
  MatrixF gradient = (outputs - target) / static_cast<float>(model.config().hidden_size);
  const auto compare = [&](const LinearGroup& group, const GroupGradient& found) {
    for (std::size_t i = 0; i < group.linears.size(); ++i) {
      const std::string& name = group.linears[i].name;
      const MatrixF expected = lrq_fixture("../fixture_flexround/grad0_", name, "_S2");
      const MatrixF by_logs = found.linears[i].weight.cwiseProduct(factors.at(name));
      EXPECT_LT((by_logs - expected).norm(), 2e-5F * expected.norm()) << name;
      factors.erase(name);
    }
  };
  backward_block(context, block, std::move(tape), std::move(gradient), {.inputs = false, .weights = true}, compare);
  EXPECT_TRUE(factors.empty());
}

}  // namespace
}  // namespace lrc
