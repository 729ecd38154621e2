#include "lrc/calibration/shard.hpp"

#include <gtest/gtest.h>

#include <map>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/stored_model.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

constexpr Index kLength = 250, kCount = 40, kEnough = 4000;  // three units

// A mixtral, whose random router prefers some experts to others.
void write_model(const std::filesystem::path& directory) {
  write_random_model(directory, random_model_config("mixtral", {{"num_hidden_layers", 1}}));
}

Sequences random_sequences() {
  Sequences sequences{kCount, kLength, {}};
  for (Index i = 0; i < kCount * kLength; ++i) sequences.tokens.push_back(static_cast<std::int32_t>(i * i % 61));
  return sequences;
}

std::map<std::string, SummedMoments> measured(const Communicator& world, const Model& model, const Statistics& what) {
  Execution exec(2);
  Shard shard(world, exec, model, random_sequences());
  const Block block = model.block(0);
  std::vector<GroupSums> sums = shard.begin(block, what);
  std::vector<Index> tokens = shard.attend(block, sums);
  world.sum_in_place(tokens);
  EXPECT_EQ(tokens.size(), 5U);
  Index routed = 0;
  for (const Index count : tokens) routed += count;
  EXPECT_EQ(routed, 2 * kCount * kLength);
  for (std::size_t group = 2; group < sums.size(); ++group) {
    if (sums[group].needs_all(tokens[(group - 2) / 2])) sums[group].want_all();
  }
  shard.feed_forward(block, sums);
  std::map<std::string, SummedMoments> result;
  for (GroupSums& group : sums) {
    group.sum(exec, 0);
    group.reduce(world, 0, 0);
    if (world.is_root()) result[group.group()] = group.result(0);
  }
  return result;
}

// X Xᵀ of every group, over the tokens that reach it and over all tokens.
struct Naive {
  Index tokens = 0;
  MatrixD routed, all;
};

std::map<std::string, Naive> naive(const Model& model) {
  Execution exec(1);
  const ModelConfig& config = model.config();
  const RotaryEmbedding rotary(config, kLength);
  const ForwardContext context{config, rotary, kLength, exec};
  const Block block = model.block(0);
  MatrixF hidden(kCount * kLength, config.hidden_size);
  model.embed(random_sequences().tokens, hidden);
  std::map<std::string, Naive> result;
  const auto square = [](const ConstViewF& x) -> MatrixD { return x.cast<double>().transpose() * x.cast<double>(); };
  forward_attention(context, block, hidden);
  for (const Mlp& expert : block.mlps) {
    MatrixF x = mlp_inputs(context, block, hidden);
    forward_mlp(exec, expert, x, [&](const LinearGroup& group, const ConstViewF& inputs) {
      result[group.name] = {0, MatrixD::Zero(inputs.cols(), inputs.cols()), square(inputs)};
    });
  }
  forward_mlps(context, block, hidden, [&](const LinearGroup& group, const ConstViewF& inputs) {
    result[group.name].tokens = inputs.rows();
    result[group.name].routed = square(inputs);
  });
  return result;
}

TEST(Shard, SumsAnExpertsTokensAndHelpsThoseThatSeeFew) {
  single_threaded_blas();
  const Communicator world;
  const TemporaryDirectory directory;
  write_model(directory / "m");
  const StoredModel model(directory / "m");
  const auto found =
      measured(world, model, {.kind = MomentKind::exact, .quantizer = {.bits = 16}, .min_expert_tokens = kEnough});
  if (!world.is_root()) return;
  EXPECT_EQ(found.size(), 12U);
  Index helped = 0, alone = 0;
  for (const auto& [name, expected] : naive(model)) {
    const SummedMoments& moments = found.at(name);
    EXPECT_EQ(moments.tokens, expected.tokens) << name;
    const Index missing = std::max<Index>(0, kEnough - expected.tokens);
    EXPECT_EQ(moments.borrowed, missing) << name;
    (missing > 0 ? helped : alone) += 1;
    const MatrixD blended =
        expected.routed + static_cast<double>(missing) / static_cast<double>(kCount * kLength) * expected.all;
    EXPECT_LT((moments.xx.cast<double>() - blended).norm(), 1e-5 * blended.norm()) << name;
  }
  EXPECT_GT(helped, 0);
  EXPECT_GT(alone, 0);
}

// Every rank compares with what it measures alone.
TEST(Shard, HasTheSameBitsOnAnyNumberOfRanks) {
  single_threaded_blas();
  const TemporaryDirectory directory;
  write_model(directory / "m");
  const StoredModel model(directory / "m");
  const Statistics what{.kind = MomentKind::exact, .quantizer = {}, .min_expert_tokens = kEnough};
  const auto together = measured(Communicator(), model, what);
  if (!Communicator().is_root()) return;
  for (const auto& [name, alone] : measured(Communicator(MPI_COMM_SELF), model, what)) {
    EXPECT_EQ(alone.xx, together.at(name).xx) << name;
    EXPECT_EQ(alone.xy, together.at(name).xy) << name;
    EXPECT_EQ(alone.yy, together.at(name).yy) << name;
  }
}

}  // namespace
}  // namespace lrc
