// Agreement with an independent implementation of LRQ and FlexRound in PyTorch: gradients, losses and errors of block 0
// of stories260k.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lrc/io/json.hpp"
#include "lrc/learning/block_learner.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/forward/backward.hpp"
#include "lrq_fixture.hpp"

namespace lrc {
namespace {

constexpr Index kSteps = 20, kBatch = 2, kLength = 256, kWindows = 128;
constexpr int kBits = 4;
constexpr double kRate = 3e-3;

class Agreement : public testing::Test {
 protected:
  void SetUp() override {
    LRC_REQUIRE_LRQ_FIXTURE();
    LRC_REQUIRE_SHARED_DATA("models/stories260k");
    const std::filesystem::path directory = shared_data("models/stories260k");
    model_ = std::make_unique<StoredModel>(directory);
    sequences_ = windows_of(directory / "calibration.npy", kWindows, kLength);
    streams_ = std::make_unique<LearningStreams>(self_, exec_, *model_, sequences_);
    block_ = model_->block(0);
    streams_->pass_original(block_);
  }

  LearnedWeight low_rank(const Linear& linear) {
    return LearnedWeight::low_rank(linear.weight, kBits, start(linear), lrq_fixture("U2_", linear.name));
  }
  LearnedWeight full(const Linear& linear) { return LearnedWeight::full(linear.weight, kBits, start(linear)); }
  FittedGrid start(const Linear& linear) {
    return fit_grid(exec_, linear.weight.cast<double>(), {.bits = kBits, .zero_points = true});
  }

  // The two sequences of a step.
  std::vector<Example> batch(Index step) const {
    std::vector<Example> examples;
    for (Index i = 0; i < kBatch; ++i) examples.push_back(streams_->example(kBatch * step + i, 0));
    return examples;
  }

  void expect_agreement(const std::string& mode, BlockLearner& learner) {
    const nlohmann::json fixture = read_json_object(shared_data("../prototypes/lrq/fixture_" + mode) / "fixture.json");
    EXPECT_NEAR(streams_->relative_error(block_), fixture.at("relerr_init"), 1e-4 * double{fixture.at("relerr_init")});
    for (Index step = 0; step < kSteps; ++step) {
      const double loss = learner.step(batch(step), kBatch, cosine_rate(kRate, step + 1, kSteps));
      const double expected = fixture.at("losses").at(static_cast<std::size_t>(step));
      EXPECT_NEAR(loss, expected, (step < 5 ? 1e-4 : 1e-2) * expected) << "step " << step;
    }
    EXPECT_NEAR(streams_->relative_error(block_), fixture.at("relerr_final"),
                1e-2 * double{fixture.at("relerr_final")});
  }

  Communicator self_{MPI_COMM_SELF};
  Execution exec_{2};
  std::unique_ptr<StoredModel> model_;
  Sequences sequences_;
  std::unique_ptr<LearningStreams> streams_;
  Block block_;
};

TEST_F(Agreement, OfLrq) {
  BlockLearner learner(self_, streams_->context(), block_, [&](const Linear& linear) { return low_rank(linear); });
  expect_agreement("lrq", learner);
}

TEST_F(Agreement, OfFlexRound) {
  BlockLearner learner(self_, streams_->context(), block_, [&](const Linear& linear) { return full(linear); });
  expect_agreement("flexround", learner);
}

// Those of the first step, and of U2 exactly 0.
TEST_F(Agreement, OfGradients) {
  const Block original = block_;
  const BlockLearner learner(self_, streams_->context(), block_,
                             [&](const Linear& linear) { return low_rank(linear); });
  std::map<std::string, MatrixF> by_values;  // d loss / d Ŵ of both sequences
  for (const Example& example : batch(0)) {
    MatrixF outputs = example.inputs;
    BlockTape tape;
    forward_block(streams_->context(), block_, outputs, tape);
    MatrixF gradient = 2.0F / static_cast<float>(kBatch * outputs.cols()) * (outputs - example.targets);
    backward_block(streams_->context(), block_, tape, std::move(gradient), {.weights = true},
                   [&](const LinearGroup& group, const GroupGradient& of) {
                     for (std::size_t i = 0; i < group.linears.size(); ++i) {
                       MatrixF& sum = by_values[group.linears[i].name];
                       if (sum.size() == 0)
                         sum = MatrixF::Zero(of.linears[i].weight.rows(), of.linears[i].weight.cols());
                       sum += of.linears[i].weight;
                     }
                   });
  }
  EXPECT_EQ(by_values.size(), 7U);
  for (const LinearGroup* group :
       {&original.qkv, &original.attention_out, &original.mlps[0].gate_up, &original.mlps[0].down}) {
    for (const Linear& linear : group->linears) {
      const LearnedWeight learned = low_rank(linear);
      const std::vector<MatrixF> gradients = learned.gradient(exec_, by_values.at(linear.name));
      for (std::size_t k = 0; k < gradients.size(); ++k) {
        const std::string& name = learned.parameters()[k].name;
        const MatrixF expected = lrq_fixture("grad0_", linear.name, "_" + name);
        if (name == "U2") {
          EXPECT_EQ(gradients[k], expected) << linear.name;
        }
        EXPECT_LE((gradients[k] - expected).norm(), 1e-4 * expected.norm()) << linear.name << " " << name;
      }
    }
  }
}

}  // namespace
}  // namespace lrc
