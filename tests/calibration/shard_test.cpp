#include "lrc/calibration/shard.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "calibration/show_mlp.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
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

std::vector<GroupSums> empty_sums(Shard& shard, const StreamBlocks& blocks, const Statistics& what) {
  std::vector<GroupSums> sums;
  for (const GroupRole stage : kStages) {
    for (GroupSums& group : shard.empty_sums(blocks, stage, what)) sums.push_back(std::move(group));
    shard.pass_probe(blocks, stage);
  }
  return sums;
}

void help_starved(const Communicator& world, const Shard& shard, const Block& block, std::vector<GroupSums>& sums) {
  std::vector<Index> tokens = shard.routed_tokens();
  world.sum_in_place(tokens);
  EXPECT_EQ(tokens.size(), 5U);
  EXPECT_EQ(std::accumulate(tokens.begin(), tokens.end(), Index{0}), 2 * kCount * kLength);
  for (std::size_t expert = 0; expert < tokens.size(); ++expert) {
    for (const LinearGroup* group : {&block.mlps[expert].gate_up, &block.mlps[expert].down}) {
      GroupSums& own = sums_of(sums, group->name);
      if (own.needs_all(tokens[expert])) own.want_all();
    }
  }
}

std::map<std::string, SummedMoments> reduced(const Communicator& world, Execution& exec, std::vector<GroupSums>& sums) {
  std::map<std::string, SummedMoments> result;
  for (GroupSums& group : sums) {
    group.sum(exec, 0);
    group.reduce(world, 0, 0);
    if (world.is_root()) result[group.group()] = group.result(0);
  }
  return result;
}

std::map<std::string, SummedMoments> measured(const Communicator& world, const Model& model, const Statistics& what) {
  Execution exec(2);
  Shard shard(world, exec, model, random_sequences());
  const StreamBlocks blocks{model.block(0)};
  std::vector<GroupSums> sums = empty_sums(shard, blocks, what);
  shard.attend(blocks, sums);
  help_starved(world, shard, blocks.quantized, sums);
  shard.feed_forward(blocks, sums);
  return reduced(world, exec, sums);
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
  StagedBatch batch{hidden};
  forward_attention(context, block, batch);
  for (const Mlp& expert : block.mlps) {
    show_mlp(exec, expert, mlp_inputs(context, block, hidden), [&](const LinearGroup& group, const ConstViewF& inputs) {
      result[group.name] = {0, MatrixD::Zero(inputs.cols(), inputs.cols()), square(inputs)};
    });
  }
  forward_mlps(context, block, batch, {.inputs = [&](const LinearGroup& group, const ConstViewF& inputs) {
                 result[group.name].tokens = inputs.rows();
                 result[group.name].routed = square(inputs);
               }});
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

TEST(Shard, SumsStageByStageWhatItSumsUnitByUnit) {
  single_threaded_blas();
  const Communicator world;
  const TemporaryDirectory directory;
  write_model(directory / "m");
  const StoredModel model(directory / "m");
  const Statistics what{.kind = MomentKind::exact, .quantizer = {}, .min_expert_tokens = kEnough};
  Execution exec(2);
  const StreamBlocks blocks{model.block(0)};
  Shard staged(world, exec, model, random_sequences()), whole(world, exec, model, random_sequences());
  std::vector<GroupSums> sums = empty_sums(whole, blocks, what);
  whole.attend(blocks, sums);
  help_starved(world, whole, blocks.quantized, sums);
  whole.feed_forward(blocks, sums);
  std::map<std::string, SummedMoments> expected = reduced(world, exec, sums), found;
  for (const GroupRole stage : kStages) {
    std::vector<GroupSums> own = staged.empty_sums(blocks, stage, what);
    for (GroupSums& group : own) {
      if (sums_of(sums, group.group()).wants_all()) group.want_all();
    }
    staged.sum(blocks, stage, own);
    staged.pass(blocks, stage);
    found.merge(reduced(world, exec, own));
  }
  for (const auto& [name, moments] : expected) {
    EXPECT_EQ(found.at(name).xx, moments.xx) << name;
    EXPECT_EQ(found.at(name).borrowed, moments.borrowed) << name;
  }
  EXPECT_EQ(staged.probe(), whole.probe());
  for (std::size_t unit = 0; unit < whole.units().size(); ++unit)
    EXPECT_EQ(staged.units()[unit].hidden, whole.units()[unit].hidden);
}

}  // namespace
}  // namespace lrc
