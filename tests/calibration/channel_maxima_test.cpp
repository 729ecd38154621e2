#include "lrc/calibration/channel_maxima.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/forward/forward.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

constexpr Index kLength = 100, kCount = 81;  // three units: on five ranks some have none

Sequences random_sequences() {
  Sequences sequences{kCount, kLength, {}};
  for (Index i = 0; i < kCount * kLength; ++i) sequences.tokens.push_back(static_cast<std::int32_t>(i * i % 61));
  return sequences;
}

// max |x_j| of the normed hidden states.
void raise_inputs(VectorD& maxima, const MatrixF& hidden, const VectorF& norm, double epsilon) {
  for (Index token = 0; token < hidden.rows(); ++token) {
    double squares = 0;
    for (Index j = 0; j < hidden.cols(); ++j) squares += std::pow(static_cast<double>(hidden(token, j)), 2);
    const double size = std::sqrt(squares / static_cast<double>(hidden.cols()) + epsilon);
    for (Index j = 0; j < hidden.cols(); ++j) {
      const double x = std::abs(static_cast<double>(hidden(token, j)) / size * static_cast<double>(norm(j)));
      maxima(j) = std::max(maxima(j), x);
    }
  }
}

void expect_weights(const ConstViewD& found, const std::vector<LinearGroup>& groups) {
  for (Index j = 0; j < found.cols(); ++j) {
    float largest = 0;
    for (const LinearGroup& group : groups) {
      for (const Linear& linear : group.linears) {
        for (Index i = 0; i < linear.weight.rows(); ++i) largest = std::max(largest, std::abs(linear.weight(i, j)));
      }
    }
    ASSERT_EQ(found(0, j), static_cast<double>(largest)) << j;
  }
}

void expect_inputs(const ConstViewD& found, const VectorD& expected) {
  for (Index j = 0; j < found.cols(); ++j) ASSERT_NEAR(found(0, j), expected(j), 1e-4 * expected(j)) << j;
}

// Sequence after sequence, by norms of our own.
void expect_naive(const Model& model, const std::map<GroupRole, ChannelMaxima>& found) {
  const Sequences sequences = random_sequences();
  const ModelConfig& config = model.config();
  const RotaryEmbedding rotary(config, kLength);
  Execution exec(1);
  std::vector<MatrixF> hidden;
  for (Index i = 0; i < kCount; ++i)
    model.embed(sequences.part(i, 1), hidden.emplace_back(kLength, config.hidden_size));
  for (Index index = 0; index < config.blocks; ++index) {
    const Block block = model.block(index);
    VectorD qkv = VectorD::Zero(config.hidden_size), gate_up = qkv;
    for (MatrixF& sequence : hidden) {
      StagedBatch batch{sequence};
      raise_inputs(qkv, sequence, block.attention_norm, config.rms_norm_eps);
      forward_attention({config, rotary, kLength, exec}, block, batch);
      raise_inputs(gate_up, sequence, block.mlp_norm, config.rms_norm_eps);
      forward_mlps({config, rotary, kLength, exec}, block, batch);
    }
    expect_inputs(found.at(GroupRole::qkv).inputs.row(index), qkv);
    expect_inputs(found.at(GroupRole::gate_up).inputs.row(index), gate_up);
    expect_weights(found.at(GroupRole::qkv).weights.row(index), {block.qkv});
    std::vector<LinearGroup> experts;
    for (const Mlp& mlp : block.mlps) experts.push_back(mlp.gate_up);
    expect_weights(found.at(GroupRole::gate_up).weights.row(index), experts);
  }
}

// Every number of ranks compares with one rank alone.
TEST(ChannelMaxima, AreThoseOfAllTokensAndWeightsOnAnyRanks) {
  single_threaded_blas();
  const Communicator world;
  for (const char* family : {"phi3", "mixtral"}) {
    const TemporaryDirectory directory;
    write_random_model(directory / "m", random_model_config(family));
    const StoredModel model(directory / "m");
    Execution one(1), two(2);
    Index passed = 0;
    const auto maxima = channel_maxima(world, two, model, random_sequences(), [&](Index) { ++passed; });
    EXPECT_EQ(passed, model.config().blocks);
    const auto alone = channel_maxima(Communicator(MPI_COMM_SELF), one, model, random_sequences());
    for (const GroupRole role : {GroupRole::qkv, GroupRole::gate_up}) {
      EXPECT_TRUE(maxima.at(role).inputs == alone.at(role).inputs);
      EXPECT_TRUE(maxima.at(role).weights == alone.at(role).weights);
    }
    if (world.is_root()) expect_naive(model, alone);
    world.barrier();
  }
}

}  // namespace
}  // namespace lrc
