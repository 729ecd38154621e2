// What a shard with two streams sums, stage by stage, against whole forward passes of both models.
#include <gtest/gtest.h>

#include <map>

#include "calibration/show_mlp.hpp"
#include "lrc/calibration/shard.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

constexpr Index kLength = 250, kCount = 40, kTokens = kLength * kCount;  // three units
constexpr Index kEnough = 4000;                                          // tokens of an expert

Sequences random_sequences() {
  Sequences sequences{kCount, kLength, {}};
  for (Index i = 0; i < kTokens; ++i) sequences.tokens.push_back(static_cast<std::int32_t>(i * i % 61));
  return sequences;
}

// Coarse weights and quantized inputs: far from the original.
Block quantized_block(const Block& original) {
  Block block = original;
  for (const GroupRole stage : kStages) {
    for (LinearGroup* group : stage_groups(block, stage)) {
      group->quantizer = {.bits = 4};
      for (Linear& linear : group->linears) linear.weight = (linear.weight.array() * 10).round() / 10;
    }
  }
  return block;
}

// Its inputs are then rotated as they come.
Block with_rotations(Block block, const OnlineRotations& rotations) {
  for (const GroupRole stage : kStages) {
    for (LinearGroup* group : stage_groups(block, stage)) group->rotation = rotations.of(stage);
  }
  return block;
}

// A group's inputs in both models, on the tokens that reach it in the quantized one, and on all: tokens×d each.
struct Inputs {
  MatrixF own, original, all, all_original;
};

// Both blocks on all tokens at once, and what their groups read.
class NaiveBlocks {
 public:
  NaiveBlocks(const ForwardContext& context, const Block& original, const Block& quantized)
      : context_(context), original_(original), quantized_(quantized) {}

  std::map<std::string, Inputs> forward(MatrixF& original, MatrixF& quantized) {
    StagedBatch a{original}, b{quantized};
    forward_attention(context_, original_, a, {.inputs = put(&Inputs::original)});
    forward_attention(context_, quantized_, b, {.inputs = put(&Inputs::own)});
    const MatrixF x = mlp_inputs(context_, original_, original), y = mlp_inputs(context_, quantized_, quantized);
    const auto own = [&](std::size_t i, const MatrixF& all) {
      return b.routed.empty() ? all : gathered(context_.exec, b.routed[i], all);
    };
    for (std::size_t i = 0; i < quantized_.mlps.size(); ++i) {
      show_mlp(context_.exec, original_.mlps[i], x, put(&Inputs::all_original));
      show_mlp(context_.exec, quantized_.mlps[i], y, put(&Inputs::all));
      show_mlp(context_.exec, original_.mlps[i], own(i, x), put(&Inputs::original));
      show_mlp(context_.exec, quantized_.mlps[i], own(i, y), put(&Inputs::own));
    }
    forward_mlps(context_, original_, a);
    forward_mlps(context_, quantized_, b);
    return std::move(read_);
  }

 private:
  std::function<void(const LinearGroup&, const ConstViewF&)> put(MatrixF Inputs::*field) {
    return [this, field](const LinearGroup& group, const ConstViewF& inputs) { read_[group.name].*field = inputs; };
  }

  const ForwardContext& context_;
  const Block &original_, &quantized_;
  std::map<std::string, Inputs> read_;
};

void expect_near(const MatrixF& found, const MatrixD& expected, double scale) {
  ASSERT_EQ(found.rows(), expected.rows());
  EXPECT_LT((found.cast<double>() - expected).norm(), 2e-5 * scale);
}

void expect_sums(const GroupSums& sums, const Inputs& read) {
  SCOPED_TRACE(sums.group());
  const SummedMoments found = sums.result(0);
  EXPECT_EQ(found.tokens, read.own.rows());
  const double weight = sums.wants_all() ? static_cast<double>(kEnough - read.own.rows()) / kTokens : 0;
  const auto blended = [&](const auto& of) {
    MatrixD value = of(read.own.cast<double>().eval(), read.original.cast<double>().eval());
    if (weight > 0) value += weight * of(read.all.cast<double>().eval(), read.all_original.cast<double>().eval());
    return value;
  };
  const MatrixD xx = blended([](const MatrixD& x, const MatrixD&) -> MatrixD { return x.transpose() * x; });
  const MatrixD drift =
      blended([](const MatrixD& x, const MatrixD& original) -> MatrixD { return (original - x).transpose() * x; });
  expect_near(found.xx, xx, xx.norm());
  expect_near(sums.drift(), drift, xx.norm());
}

std::vector<GroupSums> summed(const Communicator& world, Shard& shard, const StreamBlocks& blocks, GroupRole stage) {
  std::vector<GroupSums> sums =
      shard.empty_sums(blocks, stage, {.quantizer = {}, .min_expert_tokens = kEnough, .prepared = true});
  std::vector<Index> tokens = shard.routed_tokens();
  world.sum_in_place(tokens);
  for (std::size_t i = 0; i < tokens.size() && sums.size() > 1; ++i) {
    if (sums[i].needs_all(tokens[i])) sums[i].want_all();
  }
  shard.sum(blocks, stage, sums);
  for (GroupSums& group : sums) {
    group.reduce(world, 0, 0);
    group.reduce_drift(world, 0);
  }
  return sums;
}

void expect_as_whole_passes(const std::string& family, bool rotated) {
  SCOPED_TRACE(family + (rotated ? ", rotated at run time" : ""));
  const Communicator world;
  Execution exec(2);
  const TemporaryDirectory directory;
  write_random_model(directory / "m", random_model_config(family));
  const StoredModel model(directory / "m");
  const OnlineRotations rotations = online_rotations(model.config(), rotated, rotated);
  const RotaryEmbedding rotary(model.config(), kLength);
  const ForwardContext context{model.config(), rotary, kLength, exec};
  MatrixF x(kTokens, model.config().hidden_size);
  model.embed(random_sequences().tokens, x);
  MatrixF y = x;  // the same tokens in the quantized model
  Shard shard(world, exec, model, random_sequences(), true);
  Index starved = 0;
  for (Index index = 0; index < model.config().blocks; ++index) {
    const Block original = with_rotations(model.block(index), rotations);
    const StreamBlocks blocks{quantized_block(original), original};
    const std::map<std::string, Inputs> read = NaiveBlocks(context, original, blocks.quantized).forward(x, y);
    for (const GroupRole stage : kStages) {
      for (const GroupSums& group : summed(world, shard, blocks, stage)) {
        starved += group.wants_all() ? 1 : 0;
        if (world.is_root()) expect_sums(group, read.at(group.group()));
      }
      shard.pass(blocks, stage);
    }
  }
  EXPECT_EQ(starved > 0, family == "mixtral");
}

TEST(TwoStreams, SumWhatWholePassesOfBothModelsReadDense) {
  single_threaded_blas();
  for (const bool rotated : {false, true}) expect_as_whole_passes("llama", rotated);
}

TEST(TwoStreams, SumWhatWholePassesOfBothModelsReadRouted) {
  single_threaded_blas();
  for (const bool rotated : {false, true}) expect_as_whole_passes("mixtral", rotated);
}

}  // namespace
}  // namespace lrc
