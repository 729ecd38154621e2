#include "lrc/rotation/rotated_model.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <numeric>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/forward/forward.hpp"
#include "lrc/model/forward/layers.hpp"
#include "model_variant.hpp"
#include "random_model.hpp"

namespace lrc {
namespace {

// Next-token logits of a few sequences, by the plain way: tokens×vocabulary.
MatrixF logits(const Model& model, const Sequences& sequences) {
  single_threaded_blas();
  Execution exec(1);
  const ModelConfig& config = model.config();
  const RotaryEmbedding rotary(config, sequences.length);
  MatrixF hidden(sequences.count * sequences.length, config.hidden_size);
  model.embed(sequences.tokens, hidden);
  for (Index block = 0; block < config.blocks; ++block) {
    forward_block({config, rotary, sequences.length, exec}, model.block(block), hidden);
  }
  rms_norm(exec, hidden, model.final_norm(), config.rms_norm_eps, hidden);
  const MatrixF head = model.head_rows(0, config.vocabulary_size);
  MatrixF result(hidden.rows(), head.rows());
  gemm(exec, Op::none, Op::transpose, 1.0F, hidden, head, 0.0F, result);
  return result;
}

float largest_difference(const std::filesystem::path& directory, RotationKind kind, bool rotates_heads = false) {
  const StoredModel original(directory);
  Sequences sequences = windows_of(demo_model() / "evaluation.npy", 2, 100);
  for (std::int32_t& token : sequences.tokens) token %= narrow<std::int32_t>(original.config().vocabulary_size);
  const MatrixF difference =
      logits(original, sequences) - logits(RotatedModel(original, kind, rotates_heads, 7), sequences);
  return difference.cwiseAbs().maxCoeff();
}

TEST(RotatedModel, ComputesTheSameFunction) {
  EXPECT_LT(largest_difference(demo_model(), RotationKind::full), 2e-3F);
  EXPECT_LT(largest_difference(demo_model(), RotationKind::offline), 2e-3F);
}

TEST(RotatedModel, ComputesTheSameFunctionWithATiedHeadAndAnOddPart) {
  LRC_REQUIRE_SHARED_DATA("models/stories260k");
  EXPECT_LT(largest_difference(shared_data("models/stories260k"), RotationKind::full), 2e-3F);
}

TEST(RotatedModel, ComputesTheSameFunctionWithBiases) {
  const TemporaryDirectory directory;
  write_variant(directory / "b", {.config = {{"attention_bias", true}, {"mlp_bias", true}}, .random_biases = true});
  EXPECT_LT(largest_difference(directory / "b", RotationKind::full), 5e-3F);
}

TEST(RotatedModel, ComputesTheSameFunctionInEveryFamily) {
  for (const char* family : {"llama", "mistral", "mixtral", "phi3", "qwen2", "qwen3"}) {
    const TemporaryDirectory directory;
    write_random_model(directory / "m", random_model_config(family));
    EXPECT_LT(largest_difference(directory / "m", RotationKind::full), 2e-3F) << family;
    EXPECT_LT(largest_difference(directory / "m", RotationKind::full, true), 2e-3F) << family;
  }
  EXPECT_LT(largest_difference(demo_model("demo-mixtral"), RotationKind::full), 2e-3F);
}

TEST(RotatedModel, SpreadsTheOutliersOfTheResidualStream) {
  const StoredModel original(demo_model());
  const RotatedModel rotated(original, RotationKind::full, false, 7);
  const Index hidden = original.config().hidden_size, count = 4 * hidden;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), 0);
  MatrixF before(count, hidden), after(count, hidden);
  original.embed(tokens, before);
  rotated.embed(tokens, after);
  for (Index r = 0; r < count; ++r) EXPECT_NEAR(after.row(r).norm() / before.row(r).norm(), 1, 1e-5);
  // The rotation by least squares: no channel keeps more of itself than a DCT of its odd part leaves it.
  const MatrixD x = before.cast<double>(), y = after.cast<double>();
  const MatrixD rotation = (x.transpose() * x).ldlt().solve(x.transpose() * y);  // hidden×hidden
  EXPECT_LT((rotation.transpose() * rotation - MatrixD::Identity(hidden, hidden)).norm(), 1e-3);
  EXPECT_LT(rotation.cwiseAbs().maxCoeff(), 1.001 * std::sqrt(2.0 / static_cast<double>(hidden)));
}

// R2 leaves a head's energy where it is; the rotation over all heads gives every channel about the same. With one value
// head alone that says something, the inputs of o are zero elsewhere.
TEST(RotatedModel, OneRotationOverAllHeadsSpreadsTheEnergyOfOne) {
  const StoredModel original(demo_model());
  const Index head = original.config().head_dim, size = original.config().query_size();
  const RotatedModel rotated(original, RotationKind::full, true, 7);
  const LinearGroup o = rotated.block(0).attention_out;
  ASSERT_NE(o.rotation, nullptr);
  MatrixF inputs = MatrixF::Zero(3, size);
  inputs.leftCols(head).setRandom();
  const MatrixF outputs = inputs * original.block(0).attention_out.linears[0].weight.transpose();
  const float energy = inputs.squaredNorm();
  o.rotation->apply(inputs);
  EXPECT_NEAR(inputs.leftCols(head).squaredNorm() / energy, static_cast<double>(head) / static_cast<double>(size), 0.1);
  // The residual stream is rotated, too, which leaves its norm.
  EXPECT_NEAR((inputs * o.linears[0].weight.transpose()).norm() / outputs.norm(), 1, 1e-5);
}

TEST(RotatedModel, SeedsGiveOtherRotationsOfTheSameModel) {
  const StoredModel original(demo_model());
  const auto weight = [&](std::uint64_t seed) {
    return RotatedModel(original, RotationKind::full, false, seed).block(0).qkv.linears[0].weight;
  };
  EXPECT_EQ(weight(1), weight(1));
  EXPECT_NE(weight(1), weight(2));
}

}  // namespace
}  // namespace lrc
