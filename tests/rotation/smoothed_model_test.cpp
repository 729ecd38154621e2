#include "lrc/rotation/smoothed_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/forward/forward.hpp"
#include "model_variant.hpp"
#include "random_model.hpp"

namespace lrc {
namespace {

// Over four orders of magnitude.
SmoothingScales random_scales(const ModelConfig& config) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> exponent(-2, 2);
  SmoothingScales scales;
  for (const GroupRole reader : {GroupRole::qkv, GroupRole::gate_up}) {
    MatrixF& all = scales[reader];
    all.resize(config.blocks, config.hidden_size);
    for (float& scale : all.reshaped()) scale = std::pow(10.0F, exponent(random));
  }
  return scales;
}

// Of two sequences behind the last block.
MatrixF hidden_states(const Model& model) {
  constexpr Index kLength = 20;
  single_threaded_blas();
  Execution exec(1);
  const RotaryEmbedding rotary(model.config(), kLength);
  std::vector<std::int32_t> tokens;
  for (Index i = 0; i < 2 * kLength; ++i) tokens.push_back(static_cast<std::int32_t>(i * i % 61));
  MatrixF hidden(2 * kLength, model.config().hidden_size);
  model.embed(tokens, hidden);
  for (Index block = 0; block < model.config().blocks; ++block)
    forward_block({model.config(), rotary, kLength, exec}, model.block(block), hidden);
  return hidden;
}

void expect_same_function(const std::filesystem::path& directory) {
  SCOPED_TRACE(directory.string());
  const StoredModel original(directory);
  const SmoothedModel smoothed(original, random_scales(original.config()));
  const MatrixF expected = hidden_states(original);
  EXPECT_LT((hidden_states(smoothed) - expected).norm(), 1e-5F * expected.norm());
}

TEST(SmoothedModel, ComputesTheSameFunctionInEveryFamily) {
  for (const char* family : {"llama", "mistral", "mixtral", "phi3", "qwen2", "qwen3"}) {
    const TemporaryDirectory directory;
    write_random_model(directory / family, random_model_config(family));
    expect_same_function(directory / family);
  }
}

TEST(SmoothedModel, ComputesTheSameFunctionOfSixteenBits) {
  expect_same_function(demo_model());
  expect_same_function(demo_model("demo-mixtral"));
}

// Every scale is where it belongs: in the norm's denominator, and in the columns of all that reads it.
TEST(SmoothedModel, DividesNormsAndMultipliesColumns) {
  const TemporaryDirectory directory;
  write_random_model(directory / "m", random_model_config("mixtral"));
  const StoredModel original(directory / "m");
  const SmoothingScales scales = random_scales(original.config());
  const SmoothedModel smoothed(original, scales);
  const Index block = original.config().blocks - 1;
  const auto near = [](const MatrixF& found, const MatrixF& expected) {
    return (found - expected).cwiseAbs().maxCoeff() <= 1e-6F * expected.cwiseAbs().maxCoeff();
  };
  for (const GroupRole reader : {GroupRole::qkv, GroupRole::gate_up}) {
    const VectorF s = scales.at(reader).row(block), before = original.norm(block, reader);
    EXPECT_TRUE(near(smoothed.norm(block, reader), before.cwiseQuotient(s)));
  }
  EXPECT_TRUE(
      near(smoothed.router(block), original.router(block) * scales.at(GroupRole::gate_up).row(block).asDiagonal()));
  for (const GroupLayout& layout : block_layout(original.config(), block).groups()) {
    const LinearGroup before = original.group(block, layout), after = smoothed.group(block, layout);
    for (std::size_t i = 0; i < before.linears.size(); ++i) {
      MatrixF expected = before.linears[i].weight;
      if (scales.contains(layout.role)) expected *= scales.at(layout.role).row(block).asDiagonal();
      EXPECT_TRUE(near(after.linears[i].weight, expected)) << before.linears[i].name;
    }
  }
}

TEST(SmoothedModel, HasNormsThatItsFormatHolds) {
  const StoredModel original(demo_model());
  ASSERT_EQ(original.config().dtype, Dtype::bf16);
  const VectorF norm = SmoothedModel(original, random_scales(original.config())).norm(0, GroupRole::qkv);
  for (const float scale : norm) EXPECT_EQ(scale, rounded_to(Dtype::bf16, scale));
}

// A channel that the norm leaves out, and norms that a format can't hold.
TEST(SmoothedModel, ComputesTheSameFunctionWhereNormsAreZeroOrBecomeTooLarge) {
  class OddNorm : public ModelOnModel {
   public:
    using ModelOnModel::ModelOnModel;
    VectorF norm(Index index, GroupRole reader) const override {
      VectorF norm = below().norm(index, reader);
      norm(0) = 0;
      return norm;
    }
  };
  const TemporaryDirectory directory;
  write_variant(directory / "half", {.dtype = Dtype::f16, .config = {{"torch_dtype", "float16"}}});
  const StoredModel stored(directory / "half");
  ASSERT_EQ(stored.config().dtype, Dtype::f16);
  const OddNorm original(stored);
  SmoothingScales scales = random_scales(original.config());
  scales.at(GroupRole::qkv).col(1).setConstant(1e-5F);
  scales.at(GroupRole::gate_up).col(2).setConstant(1e10F);
  const SmoothedModel smoothed(original, scales);
  EXPECT_GT(smoothed.norm(0, GroupRole::qkv)(1), 0);
  EXPECT_TRUE(smoothed.norm(0, GroupRole::qkv).allFinite());
  const MatrixF expected = hidden_states(original);
  EXPECT_LT((hidden_states(smoothed) - expected).norm(), 1e-5F * expected.norm());
}

TEST(SmoothingScales, AreTheFormulaOfThePaper) {
  VectorD inputs(5), weights(5);
  inputs << 100, 0.5, 3, 0, 1e9;
  weights << 0.02, 4, 0, 0.3, 1e-9;
  for (const double alpha : {0.0, 0.5, 0.8, 1.0}) {
    const VectorF scales = smoothing_scales(inputs, weights, alpha);
    ASSERT_EQ(scales.size(), 5);
    for (Index j = 0; j < 5; ++j) {
      const double x = inputs(j) < 1e-5 ? 1e-5 : inputs(j), w = weights(j) < 1e-5 ? 1e-5 : weights(j);
      const double s = std::exp(alpha * std::log(x) - (1 - alpha) * std::log(w));
      EXPECT_NEAR(scales(j), s < 1e-5 ? 1e-5 : s, 1e-6 * s) << alpha << " " << j;
    }
  }
}

TEST(SmoothingScales, AreNeverBelowAHundredThousandth) {
  EXPECT_FLOAT_EQ(smoothing_scales(VectorD::Zero(1), VectorD::Constant(1, 1e6), 0.5)(0), 1e-5F);
}

}  // namespace
}  // namespace lrc
