// A block stage by stage, and what observers see of it.
#include "lrc/model/forward/forward.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/forward/layers.hpp"
#include "random_model.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

constexpr Index kLength = 20, kCount = 3;

MatrixF embedded(const Model& model) {
  std::vector<std::int32_t> tokens;
  for (Index i = 0; i < kCount * kLength; ++i) tokens.push_back(static_cast<std::int32_t>(i * i % 61));
  MatrixF hidden(kCount * kLength, model.config().hidden_size);
  model.embed(tokens, hidden);
  return hidden;
}

// With quantized inputs everywhere, and an online rotation before down.
Block quantized_block(const Model& model, Index index, const HadamardTransform& rotation) {
  Block block = model.block(index);
  for (const GroupRole stage : kStages) {
    for (LinearGroup* group : stage_groups(block, stage)) {
      group->quantizer = {.bits = 4};
      if (stage == GroupRole::down) group->rotation = &rotation;
    }
  }
  return block;
}

// What each group read and gave.
struct Seen {
  std::map<std::string, MatrixF> inputs;
  std::map<std::string, std::vector<MatrixF>> outputs;

  Observer observer() {
    return {.inputs = [this](const LinearGroup& group, const ConstViewF& x) { inputs[group.name] = x; },
            .outputs = [this](const LinearGroup& group, const std::vector<MatrixF>& y) { outputs[group.name] = y; }};
  }
};

// A model of each kind of block, with an online rotation; calls check(context, block, hidden), which passes the block.
template <class Check>
void for_all_blocks(const Check& check) {
  single_threaded_blas();
  Execution exec(2);
  for (const std::string family : {"llama", "mixtral", "phi3", "qwen3"}) {
    SCOPED_TRACE(family);
    const TemporaryDirectory directory;
    write_random_model(directory / "m", random_model_config(family));
    const StoredModel model(directory / "m");
    const RotaryEmbedding rotary(model.config(), kLength);
    const ForwardContext context{model.config(), rotary, kLength, exec};
    const HadamardTransform rotation(model.config().intermediate_size);
    MatrixF hidden = embedded(model);
    for (Index index = 0; index < model.config().blocks; ++index)
      check(context, quantized_block(model, index, rotation), hidden);
  }
}

TEST(Forward, StageByStageIsExpertAfterExpertAndObservingChangesNothing) {
  for_all_blocks([](const ForwardContext& context, const Block& block, MatrixF& hidden) {
    MatrixF staged = hidden, observed = hidden;
    Seen seen;
    forward_block(context, block, hidden);
    forward_block(context, block, observed, seen.observer());
    EXPECT_EQ(observed, hidden);
    StagedBatch batch{staged};
    for (const GroupRole stage : kStages) {
      const std::vector<const LinearGroup*> groups = stage_groups(block, stage);
      for (std::size_t i = 0; i < groups.size(); ++i) {
        const MatrixF inputs = stage_inputs(context, block, stage, i, batch);
        if (inputs.rows() > 0)
          EXPECT_EQ(inputs, seen.inputs.at(groups[i]->name));
        else
          EXPECT_FALSE(seen.inputs.contains(groups[i]->name));
      }
      pass_stage(context, block, stage, batch);
    }
    EXPECT_EQ(staged, hidden);
  });
}

TEST(Forward, ShowsWhatTheLinearsMakeOfTheInputsThatItShows) {
  for_all_blocks([](const ForwardContext& context, const Block& block, MatrixF& hidden) {
    Seen seen;
    forward_block(context, block, hidden, seen.observer());
    EXPECT_EQ(seen.inputs.size(), seen.outputs.size());
    for (const GroupRole stage : kStages) {
      for (const LinearGroup* group : stage_groups(block, stage)) {
        if (!seen.inputs.contains(group->name)) continue;
        SCOPED_TRACE(group->name);
        MatrixF x = seen.inputs.at(group->name);
        quantize_rows(context.exec, group->quantizer, x);
        const std::vector<MatrixF>& outputs = seen.outputs.at(group->name);
        ASSERT_EQ(outputs.size(), group->linears.size());
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          MatrixF expected = x * group->linears[i].weight.transpose();
          if (group->linears[i].bias.size() > 0) expected.rowwise() += group->linears[i].bias.transpose();
          EXPECT_LT((outputs[i] - expected).norm(), 1e-5F * expected.norm());
        }
      }
    }
  });
}

// Each row from its least to its greatest in 2^bits − 1 steps.
MatrixF naively_cached(const MatrixF& x, int bits) {
  const double codes = (1 << bits) - 1;
  MatrixF y = x;
  for (Index row = 0; row < x.rows(); ++row) {
    const double least = static_cast<double>(x.row(row).minCoeff()),
                 greatest = static_cast<double>(x.row(row).maxCoeff());
    const double step = (greatest - least) / codes, zero = std::clamp(std::nearbyint(-least / step), 0.0, codes);
    for (float& value : y.row(row).reshaped())
      value = static_cast<float>(
          (std::clamp(std::nearbyint(static_cast<double>(value) / step) + zero, 0.0, codes) - zero) * step);
  }
  return y;
}

// The cache of all heads together, from what k and v give: before the norms of heads and RoPE.
TEST(Forward, KeysAndValuesAreCachedAsTheirLinearsGiveThem) {
  for_all_blocks([](const ForwardContext& context, const Block& block, MatrixF& hidden) {
    constexpr int kBits = 3;
    const ModelConfig& config = context.config;
    Block cached = block;
    cached.kv = kv_quantizer(kBits);
    Seen seen;
    forward_block(context, cached, hidden, seen.observer());
    MatrixF qkv(hidden.rows(), config.query_size() + 2 * config.key_size());
    Index column = 0;
    for (const MatrixF& output : seen.outputs.at(block.qkv.name)) {
      qkv.middleCols(column, output.cols()) = output;
      column += output.cols();
    }
    MatrixF q = qkv.leftCols(config.query_size());
    MatrixF k = naively_cached(qkv.middleCols(q.cols(), config.key_size()), kBits);
    const MatrixF v = naively_cached(qkv.rightCols(config.key_size()), kBits);
    if (block.q_norm.size() > 0) rms_norm_heads(context.exec, block.q_norm, config.rms_norm_eps, q);
    if (block.k_norm.size() > 0) rms_norm_heads(context.exec, block.k_norm, config.rms_norm_eps, k);
    context.rotary.apply(context.exec, kLength, q);
    context.rotary.apply(context.exec, kLength, k);
    MatrixF expected(q.rows(), q.cols());
    causal_attention(context.exec, config, kLength, block.window, q, k, v, expected);
    EXPECT_LT((seen.inputs.at(block.attention_out.name) - expected).norm(), 1e-5F * expected.norm());
  });
}

}  // namespace
}  // namespace lrc
