// A block's gradients against central differences of its forward pass in double.
#include "lrc/model/forward/backward.hpp"

#include <gtest/gtest.h>

#include <map>

#include "double_block.hpp"
#include "linalg/random_matrix.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

constexpr Index kLength = 9, kSequences = 2;
constexpr Wanted kAll{.weights = true, .biases = true, .u = true, .v = true};

struct Family {
  std::string name;
  nlohmann::json changes = nlohmann::json::object();
};
const std::vector<Family> kFamilies{{"llama", {{"attention_bias", true}, {"mlp_bias", true}}},
                                    {"mistral", {{"sliding_window", 4}}},
                                    {"mixtral"},
                                    {"phi3"},
                                    {"qwen2"},
                                    {"qwen3"}};

// The choice of the two largest of ±a and ±b and 0 never falls on the last of them: expert 3 sees no token.
void leave_an_expert_idle(Block& block) {
  block.router.row(1) = -block.router.row(0);
  block.router.row(4) = -block.router.row(2);
  block.router.row(3).setZero();
}

Branch random_branch(const LinearGroup& group, std::size_t first, std::size_t count) {
  Branch branch{.v = 0.2F * random_floats(group.inputs(), 2, 5), .u = {}, .first = first};
  for (std::size_t i = 0; i < count; ++i)
    branch.u.push_back(random_floats(group.linears[first + i].weight.rows(), 2, 6 + static_cast<unsigned>(i)));
  return branch;
}

enum class Form { plain, corrected, residual };

// With activations of 4 bits, and what goes beside them.
void dress(LinearGroup& group, Form form, const HadamardTransform* rotation) {
  if (form == Form::plain) return;
  const Index inputs = group.inputs();
  group.quantizer =
      form == Form::residual
          ? ActivationQuantizer{.clip = 1, .group_size = 16, .scale = ActivationScale::signed_absmax, .fits_clip = true}
          : ActivationQuantizer{.clip = 0.7F};
  group.rotation = rotation;
  group.residual = form == Form::residual;
  group.mean = 0.1F * random_floats(1, inputs, 1).transpose();
  const std::size_t count = group.linears.size();
  if (group.residual || count < 3) {
    group.branches.push_back(random_branch(group, 0, count));
  } else {
    group.branches.push_back(random_branch(group, 0, 2));
    group.branches.push_back(random_branch(group, 2, count - 2));
  }
  for (Linear& linear : group.linears) {
    linear.u = random_floats(linear.weight.rows(), 3, 2);
    linear.v = 0.2F * random_floats(inputs, 3, 3);
  }
}

// A block of each family in each form; calls check(context, block, hidden).
template <class Check>
void for_all_blocks(const Check& check, int threads = 2) {
  single_threaded_blas();
  Execution exec(threads);
  for (const Family& family : kFamilies) {
    const TemporaryDirectory directory;
    write_random_model(directory / "m", random_model_config(family.name, family.changes));
    const StoredModel model(directory / "m");
    const ModelConfig& config = model.config();
    const RotaryEmbedding rotary(config, kLength);
    const HadamardTransform heads(config.query_size()), inner(config.intermediate_size);
    for (const Form form : {Form::plain, Form::corrected, Form::residual}) {
      SCOPED_TRACE(family.name + " " + std::to_string(static_cast<int>(form)));
      Block block = model.block(1);
      if (config.experts > 0) leave_an_expert_idle(block);
      dress(block.qkv, form, nullptr);
      dress(block.attention_out, form, &heads);
      for (Mlp& mlp : block.mlps) {
        dress(mlp.gate_up, form, nullptr);
        dress(mlp.down, form, &inner);
      }
      check(ForwardContext{config, rotary, kLength, exec}, block,
            random_floats(kLength * kSequences, config.hidden_size, 8));
    }
  }
}

struct Gradients {
  MatrixF outputs{}, hidden{};
  std::map<const LinearGroup*, GroupGradient> groups{};
};

Gradients gradients_of(const ForwardContext& context, const Block& block, const MatrixF& hidden,
                       const MatrixF& of_outputs, const Wanted& wanted = kAll) {
  Gradients result{.outputs = hidden};
  BlockTape tape;
  forward_block(context, block, result.outputs, tape);
  result.hidden = backward_block(context, block, std::move(tape), of_outputs, wanted,
                                 [&](const LinearGroup& group, GroupGradient gradient) {
                                   EXPECT_TRUE(result.groups.emplace(&group, std::move(gradient)).second);
                                 });
  return result;
}

// Σ of_outputs ∘ outputs is the loss. Moves what `values` holds along a random direction and back.
class Differences {
 public:
  Differences(const ForwardContext& context, const Block& same, const MatrixF& entered, const MatrixF& of_outputs)
      : block(context, same), hidden(entered.cast<double>()), of_outputs_(of_outputs.cast<double>()) {
    loss();
  }

  void check(const std::string& name, MatrixD& values, const MatrixF& gradient) {
    ASSERT_EQ(values.rows(), gradient.rows()) << name;
    ASSERT_EQ(values.cols(), gradient.cols()) << name;
    if (values.size() == 0) return;
    constexpr double kStep = 1e-5;
    const MatrixD direction = random_floats(values.rows(), values.cols(), ++seed_).cast<double>(), before = values;
    values = before + kStep * direction;
    const double above = loss();
    values = before - kStep * direction;
    const double difference = (above - loss()) / (2 * kStep);
    values = before;
    const double found = direction.cwiseProduct(gradient.cast<double>()).sum();
    EXPECT_GT(gradient.norm(), 1e-3F) << name;
    EXPECT_NEAR(found, difference, 3e-5 * static_cast<double>(gradient.norm())) << name;
  }

  void check(DoubleGroup& group, const std::string& name, const GroupGradient& gradient) {
    ASSERT_EQ(group.linears.size(), gradient.linears.size());
    ASSERT_EQ(group.branches.size(), gradient.branches.size());
    for (std::size_t i = 0; i < group.linears.size(); ++i) {
      const std::string linear = name + "." + std::to_string(i);
      check(linear + ".weight", group.linears[i].weight, gradient.linears[i].weight);
      if (group.linears[i].bias.size() > 0) check(linear + ".bias", group.linears[i].bias, gradient.linears[i].bias);
      check(linear + ".u", group.linears[i].u, gradient.linears[i].u);
      check(linear + ".v", group.linears[i].v, gradient.linears[i].v);
    }
    for (std::size_t i = 0; i < group.branches.size(); ++i) {
      check(name + ".branch.v", group.branches[i].v, gradient.branches[i].v);
      for (std::size_t j = 0; j < group.branches[i].u.size(); ++j)
        check(name + ".branch.u", group.branches[i].u[j], gradient.branches[i].u[j]);
    }
  }

  DoubleBlock block;
  MatrixD hidden;

 private:
  double loss() { return block.forward(hidden).cwiseProduct(of_outputs_).sum(); }

  MatrixD of_outputs_;
  unsigned seed_ = 100;
};

TEST(Backward, IsTheDerivativeOfTheForwardPass) {
  for_all_blocks([](const ForwardContext& context, const Block& block, const MatrixF& hidden) {
    const MatrixF of_outputs = random_floats(hidden.rows(), hidden.cols(), 9);
    Gradients found = gradients_of(context, block, hidden, of_outputs);
    Differences differences(context, block, hidden, of_outputs);
    EXPECT_LT((differences.block.forward(hidden.cast<double>()) - found.outputs.cast<double>()).norm(),
              1e-5 * found.outputs.cast<double>().norm());
    differences.check("hidden", differences.hidden, found.hidden);
    differences.check(differences.block.qkv, "qkv", found.groups.at(&block.qkv));
    differences.check(differences.block.attention_out, "attention_out", found.groups.at(&block.attention_out));
    for (std::size_t i = 0; i < block.mlps.size(); ++i) {
      const bool idle = block.mlps.size() > 1 && i == 3;
      EXPECT_EQ(found.groups.contains(&block.mlps[i].down), !idle);
      if (idle) continue;
      differences.check(differences.block.gate_up[i], "gate_up", found.groups.at(&block.mlps[i].gate_up));
      differences.check(differences.block.down[i], "down", found.groups.at(&block.mlps[i].down));
    }
  });
}

TEST(Backward, LeavesTheForwardPassAsItIs) {
  for_all_blocks([](const ForwardContext& context, const Block& block, const MatrixF& hidden) {
    MatrixF plain = hidden, taped = hidden;
    BlockTape tape;
    forward_block(context, block, plain);
    forward_block(context, block, taped, tape);
    EXPECT_EQ(taped, plain);
    EXPECT_EQ(tape.entered, hidden);
  });
}

std::vector<MatrixF> all_of(const Gradients& gradients, const Block& block) {
  std::vector<MatrixF> all{gradients.hidden};
  for (const GroupRole stage : kStages) {
    for (const LinearGroup* group : stage_groups(block, stage)) {
      if (!gradients.groups.contains(group)) continue;
      const GroupGradient& gradient = gradients.groups.at(group);
      for (const LinearGradient& linear : gradient.linears)
        all.insert(all.end(), {linear.weight, linear.bias, linear.u, linear.v});
      for (const BranchGradient& branch : gradient.branches) {
        all.push_back(branch.v);
        all.insert(all.end(), branch.u.begin(), branch.u.end());
      }
    }
  }
  return all;
}

TEST(Backward, GivesTheSameBitsOnAnyNumberOfThreads) {
  std::vector<std::vector<MatrixF>> on_one, on_three;
  for (auto* const all : {&on_one, &on_three}) {
    for_all_blocks(
        [&](const ForwardContext& context, const Block& block, const MatrixF& hidden) {
          all->push_back(all_of(gradients_of(context, block, hidden, hidden), block));
        },
        all == &on_one ? 1 : 3);
  }
  EXPECT_EQ(on_one, on_three);
}

TEST(Backward, GivesWhatIsWantedAndTheSameWithoutTheRest) {
  for_all_blocks([](const ForwardContext& context, const Block& block, const MatrixF& hidden) {
    const Gradients all = gradients_of(context, block, hidden, hidden);
    const Gradients weights = gradients_of(context, block, hidden, hidden, {.inputs = false, .weights = true});
    const Gradients factors = gradients_of(context, block, hidden, hidden, {.inputs = false, .u = true, .v = true});
    EXPECT_EQ(weights.hidden.size(), 0);
    for (const auto& [group, gradient] : all.groups) {
      for (std::size_t i = 0; i < gradient.linears.size(); ++i) {
        const LinearGradient &w = weights.groups.at(group).linears[i], &f = factors.groups.at(group).linears[i];
        EXPECT_EQ(w.weight, gradient.linears[i].weight);
        EXPECT_EQ(w.bias.size() + w.u.size() + w.v.size() + f.weight.size(), 0);
        EXPECT_EQ(f.u, gradient.linears[i].u);
        EXPECT_EQ(f.v, gradient.linears[i].v);
      }
      for (std::size_t i = 0; i < gradient.branches.size(); ++i) {
        EXPECT_EQ(factors.groups.at(group).branches[i].v, gradient.branches[i].v);
        EXPECT_EQ(factors.groups.at(group).branches[i].u, gradient.branches[i].u);
        EXPECT_EQ(weights.groups.at(group).branches[i].v.size(), 0);
      }
    }
  });
}

TEST(Tape, HoldsTheBytesThatItSays) {
  for_all_blocks([](const ForwardContext& context, const Block& block, const MatrixF& hidden) {
    MatrixF outputs = hidden;
    BlockTape tape;
    forward_block(context, block, outputs, tape);
    Index floats = tape.entered.size() + tape.attended.size() + tape.middle.size();
    for (const MatrixF& part : tape.qkv) floats += part.size();
    for (const MlpTape& mlp : tape.mlps) {
      for (const MatrixF& part : mlp.gate_up) floats += part.size();
      floats += mlp.down.size();
    }
    Index choices = 0;
    for (const ExpertTokens& tokens : tape.routed) choices += static_cast<Index>(tokens.rows.size());
    EXPECT_EQ(tape_bytes(context.config, hidden.rows()), static_cast<double>(4 * floats + (8 + 4) * choices));
  });
}

}  // namespace
}  // namespace lrc
