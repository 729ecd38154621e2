#include "lrc/rotation/equalized_model.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "lrc/model/format/stored_model.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

// Channel 1 of v and of every up times `factor`, and what reads it over `factor`: the same function.
class Rescaled : public ModelOnModel {
 public:
  Rescaled(const Model& below, float factor) : ModelOnModel(below), factor_(factor) {}

  LinearGroup group(Index index, const GroupLayout& layout) const override {
    LinearGroup group = below().group(index, layout);
    const ModelConfig& c = config();
    Linear& last = group.linears.back();
    switch (layout.role) {
      case GroupRole::qkv:
        write(last, last.weight.rows() - c.key_size() + 1);
        break;
      case GroupRole::gate_up:
        write(last, last.weight.rows() - c.intermediate_size + 1);
        break;
      case GroupRole::attention_out:
        for (Index head = 0; head < c.heads / c.kv_heads; ++head) last.weight.col(head * c.head_dim + 1) /= factor_;
        break;
      case GroupRole::down:
        last.weight.col(1) /= factor_;
        break;
    }
    return group;
  }

 private:
  void write(Linear& linear, Index row) const {
    linear.weight.row(row) *= factor_;
    if (linear.bias.size() > 0) linear.bias(row) *= factor_;
  }

  float factor_;
};

EqualizedModel equalized(const Model& model) {
  std::vector<BlockEqualization> blocks;
  for (Index block = 0; block < model.config().blocks; ++block) blocks.push_back(equalization_of(model, block));
  return {model, std::move(blocks)};
}

// The largest difference of two models' weights, relative to the largest weight of their linear. Where the families
// differ: biases, fused linears, experts.
float difference(const Model& a, const Model& b) {
  float largest = 0;
  for (Index block = 0; block < a.config().blocks; ++block) {
    for (const GroupLayout& layout : block_layout(a.config(), block).groups()) {
      const LinearGroup one = a.group(block, layout), other = b.group(block, layout);
      for (std::size_t i = 0; i < one.linears.size(); ++i) {
        const MatrixF& weight = one.linears[i].weight;
        largest =
            std::max(largest, (weight - other.linears[i].weight).cwiseAbs().maxCoeff() / weight.cwiseAbs().maxCoeff());
        if (one.linears[i].bias.size() == 0) continue;
        largest = std::max(largest, (one.linears[i].bias - other.linears[i].bias).cwiseAbs().maxCoeff());
      }
    }
  }
  return largest;
}

TEST(EqualizedModel, LeavesAModelWhoseChannelsAreInLineAsItIs) {
  for (const char* family : {"llama", "mistral", "mixtral", "phi3", "qwen2", "qwen3"}) {
    const TemporaryDirectory directory;
    write_random_model(directory / "m", random_model_config(family));
    EXPECT_EQ(equalized(StoredModel(directory / "m")).channels(), 0) << family;
  }
}

// A rescaled channel is brought into line with the others, to a size that no longer depends on the factor: but for the
// median, which moves by one place where the channel passes it.
TEST(EqualizedModel, IsTheSameHoweverAChannelWasRescaled) {
  for (const char* family : {"llama", "mistral", "mixtral", "phi3", "qwen2", "qwen3"}) {
    const TemporaryDirectory directory;
    write_random_model(directory / "m", random_model_config(family));
    const StoredModel original(directory / "m");
    const Rescaled large(original, 1000), small(original, 0.01F);
    const EqualizedModel first = equalized(large), second = equalized(small);
    EXPECT_EQ(first.channels(), original.config().blocks * (1 + std::max<Index>(1, original.config().experts)));
    EXPECT_LT(difference(first, second), 0.03F) << family;
    EXPECT_GT(difference(large, small), 0.9F) << family;
  }
}

TEST(EqualizingFactors, AreOneForChannelsInLine) {
  EXPECT_EQ(equalizing_factors(VectorD::Constant(5, 2.0), VectorD::Constant(5, 7.0)).size(), 0);
  EXPECT_EQ(equalizing_factors(VectorD::Zero(5), VectorD::Constant(5, 7.0)).size(), 0);
}

TEST(EqualizingFactors, MakeBothSidesOfAChannelThatIsOutOfLineLikeTheOthers) {
  VectorD written = VectorD::Constant(5, 2.0), read = VectorD::Constant(5, 2.0);
  written(3) *= 50;
  read(3) /= 50;
  written(0) = 0;  // pruned: nothing is known of it
  const VectorF factors = equalizing_factors(written, read);
  ASSERT_EQ(factors.size(), 5);
  EXPECT_FLOAT_EQ(factors(3), 0.02F);
  for (const Index in_line : {0, 1, 2, 4}) EXPECT_EQ(factors(in_line), 1);
}

TEST(EqualizingFactors, BringAllNearOneWhereTheyAreFarFromIt) {
  const VectorF factors = equalizing_factors(VectorD::Constant(3, 4000.0), VectorD::Constant(3, 0.004));
  ASSERT_EQ(factors.size(), 3);
  for (const float factor : factors) EXPECT_EQ(factor, 0x1p-10F);
}

}  // namespace
}  // namespace lrc
