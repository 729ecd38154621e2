#include "lrc/learning/block_learner.hpp"

#include <gtest/gtest.h>

#include "lrc/learning/schedule.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

constexpr Index kLength = 24, kCount = 11, kBatch = 4, kSteps = 6;
constexpr double kRate = 0.01;

Sequences random_sequences() {
  Sequences sequences{kCount, kLength, {}};
  for (Index i = 0; i < kCount * kLength; ++i) sequences.tokens.push_back(static_cast<std::int32_t>(i * i % 61));
  return sequences;
}

using State = std::map<std::string, std::vector<NamedMatrix>>;

// One block that learns on the ranks of `world`.
class Learning {
 public:
  Learning(const Communicator& world, const Model& model, const Sequences& sequences, int threads)
      : world_(world), exec_(threads), streams_(world, exec_, model, sequences), block_(model.block(0)) {
    streams_.pass_original(block_);
    learner_ = std::make_unique<BlockLearner>(world, streams_.context(), block_, [&](const Linear& linear) {
      const Index d_out = linear.weight.rows(), d_in = linear.weight.cols();
      FittedGrid start = fit_grid(exec_, linear.weight.cast<double>(), {.bits = 3, .zero_points = true});
      return LearnedWeight::low_rank(linear.weight, 3, std::move(start),
                                     initial_u2(std::min(d_out, d_in) / 4, d_in, 5, linear.name));
    });
  }

  // The losses of steps `first` to before `end`.
  std::vector<double> learn(Index first, Index end) {
    std::vector<double> losses;
    LearningSchedule schedule({kCount, kBatch, kSteps}, 1, 0);
    for (Index step = first; step < end; ++step) {
      std::vector<Example> mine;
      const std::vector<Index> batch = schedule.batch(step);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const int worker = static_cast<int>(i) % world_.size();
        Example example = streams_.example(batch[i], worker);
        if (worker == world_.rank()) mine.push_back(std::move(example));
      }
      losses.push_back(learner_->step(mine, schedule.batch(), cosine_rate(kRate, step + 1, kSteps)));
    }
    return losses;
  }

  State state() const {
    State state;
    for (const std::string& name : learner_->own_names()) state[name] = learner_->state(name);
    return state;
  }

  void restore(const State& state, Index steps) {
    for (const std::string& name : learner_->own_names()) learner_->restore(name, state.at(name), steps);
    learner_->put_values();
  }

  double error() { return streams_.relative_error(block_); }
  const Block& block() const { return block_; }
  const BlockLearner& learner() const { return *learner_; }

 private:
  const Communicator& world_;
  Execution exec_;
  LearningStreams streams_;
  Block block_;
  std::unique_ptr<BlockLearner> learner_;
};

void expect_same(const State& some, const State& all) {
  for (const auto& [name, matrices] : some) {
    for (std::size_t i = 0; i < matrices.size(); ++i)
      EXPECT_EQ(matrices[i].values, all.at(name)[i].values) << name << " " << matrices[i].name;
  }
}

class BlockLearnerTest : public testing::TestWithParam<std::string> {
 protected:
  static StoredModel written(const std::string& family, const std::filesystem::path& directory) {
    if (Communicator().is_root())
      write_random_model(directory, random_model_config(family, {{"num_hidden_layers", 1}}));
    Communicator().barrier();
    return StoredModel(directory);
  }

  void TearDown() override { world_.barrier(); }  // the model's files are rank 0's

  Communicator world_, self_{MPI_COMM_SELF};
  TemporaryDirectory directory_;
  StoredModel model_ = written(GetParam(), Communicator().broadcast(directory_.path().string()));
  Sequences sequences_ = random_sequences();
};

TEST_P(BlockLearnerTest, LearnsTheSameOnAnyRanksAndThreads) {
  Learning together(world_, model_, sequences_, 2), alone(self_, model_, sequences_, 1);
  const double before = alone.error();
  EXPECT_EQ(together.learn(0, kSteps), alone.learn(0, kSteps));
  expect_same(together.state(), alone.state());
  EXPECT_LT(alone.error(), 0.95 * before);
  for (std::size_t i = 0; i < alone.block().mlps.size(); ++i) {
    EXPECT_EQ(together.block().mlps[i].down.linears[0].weight, alone.block().mlps[i].down.linears[0].weight);
  }
}

TEST_P(BlockLearnerTest, GoesOnFromAState) {
  Learning first(self_, model_, sequences_, 1), whole(self_, model_, sequences_, 1),
      resumed(self_, model_, sequences_, 1);
  first.learn(0, 3);
  whole.learn(0, kSteps);
  resumed.restore(first.state(), 3);
  resumed.learn(3, kSteps);
  expect_same(resumed.state(), whole.state());
}

TEST_P(BlockLearnerTest, TheBlockHasWhatIsStored) {
  Learning learning(self_, model_, sequences_, 1);
  learning.learn(0, 2);
  const Linear& down = learning.block().mlps[0].down.linears[0];
  const QuantizedWeight stored = learning.learner().quantized(down.name);
  EXPECT_EQ(dequantized(stored.codes, stored.scales, stored.zero_points, 0), down.weight);
}

TEST_P(BlockLearnerTest, AStateOfAnotherFormIsRefused) {
  Learning learning(self_, model_, sequences_, 1);
  State state = learning.state();
  state.begin()->second[1].values.resize(1, 1);
  EXPECT_THROW(learning.restore(state, 1), Error);
}

INSTANTIATE_TEST_SUITE_P(Families, BlockLearnerTest, testing::Values("llama", "mixtral", "phi3"));

}  // namespace
}  // namespace lrc
