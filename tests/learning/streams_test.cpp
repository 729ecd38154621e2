#include "lrc/learning/streams.hpp"

#include <gtest/gtest.h>

#include <array>

#include "lrc/model/format/stored_model.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

constexpr Index kLength = 1500, kCount = 7;  // four units, of two sequences each but for the last

Sequences random_sequences() {
  Sequences sequences{kCount, kLength, {}};
  for (Index i = 0; i < kCount * kLength; ++i) sequences.tokens.push_back(static_cast<std::int32_t>(i * i % 61));
  return sequences;
}

class LearningStreamsTest : public testing::Test {
 protected:
  static StoredModel written(const std::filesystem::path& directory) {
    const Communicator world;
    if (world.is_root())
      write_random_model(directory, random_model_config("llama", {{"num_hidden_layers", 1},
                                                                  {"hidden_size", 8},
                                                                  {"intermediate_size", 12},
                                                                  {"max_position_embeddings", 2048}}));
    world.barrier();
    return StoredModel(directory);
  }

  void TearDown() override { world_.barrier(); }  // the model's files are rank 0's

  // Hidden states of one sequence behind a block, computed alone.
  MatrixF passed(const Block& block, Index sequence) {
    MatrixF hidden(kLength, model_.config().hidden_size);
    model_.embed(sequences_.part(sequence, 1), hidden);
    forward_block(streams_.context(), block, hidden);
    return hidden;
  }

  Communicator world_;
  TemporaryDirectory directory_;
  StoredModel model_ = written(shared_directory());
  Sequences sequences_ = random_sequences();
  Execution exec_{2};
  LearningStreams streams_{world_, exec_, model_, sequences_};

  // That of rank 0 for all.
  std::filesystem::path shared_directory() { return Communicator().broadcast(directory_.path().string()); }
};

TEST_F(LearningStreamsTest, AnExampleIsASequenceOfBothStreamsOnOneRank) {
  const Block block = model_.block(0);
  streams_.pass_original(block);
  for (Index number = 0; number < kCount; ++number) {
    const int worker = static_cast<int>((number * 2 + 1) % world_.size());
    const Example example = streams_.example(number, worker);
    ASSERT_EQ(example.inputs.rows(), world_.rank() == worker ? kLength : 0);
    if (world_.rank() != worker) continue;
    MatrixF embedded(kLength, model_.config().hidden_size);
    model_.embed(sequences_.part(number, 1), embedded);
    EXPECT_EQ(example.inputs, embedded);
    EXPECT_LT((example.targets - passed(block, number)).norm(), 1e-5 * example.targets.norm());
  }
}

TEST_F(LearningStreamsTest, TheErrorIsThatOfAllSequencesOnAnyRanks) {
  const Block original = model_.block(0);
  Block quantized = original;
  quantized.mlps[0].down.linears[0].weight *= 0.9F;
  streams_.pass_original(original);
  double lost = 0, power = 0;
  for (Index number = 0; number < kCount; ++number) {
    const MatrixD targets = passed(original, number).cast<double>(), outputs = passed(quantized, number).cast<double>();
    lost += (outputs - targets).squaredNorm();
    power += targets.squaredNorm();
  }
  const double error = streams_.relative_error(quantized);
  EXPECT_NEAR(error, lost / power, 1e-4 * lost / power);
  streams_.pass_quantized(quantized);
  EXPECT_EQ(streams_.relative_error(), error);
  std::array<double, 1> same{world_.is_root() ? error : 0.0};  // on all ranks
  world_.sum_in_place(std::span<double>(same));
  EXPECT_EQ(same[0], error);
}

}  // namespace
}  // namespace lrc
