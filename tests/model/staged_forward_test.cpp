// The four stages in a row are a block's forward pass, bit for bit.
#include "lrc/model/staged_forward.hpp"

#include <gtest/gtest.h>

#include <map>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/stored_model.hpp"
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

TEST(StagedForward, StagesInARowAreTheForwardPass) {
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
    MatrixF hidden = embedded(model), staged = hidden;
    for (Index index = 0; index < model.config().blocks; ++index) {
      const Block block = quantized_block(model, index, rotation);
      std::map<std::string, MatrixF> read;  // of each group
      forward_block(context, block, hidden,
                    [&](const LinearGroup& group, const ConstViewF& inputs) { read[group.name] = inputs; });
      StagedBatch batch{staged};
      begin_block(context, block, batch);
      for (const GroupRole stage : kStages) {
        const std::vector<const LinearGroup*> groups = stage_groups(block, stage);
        ASSERT_EQ(batch.inputs.size(), groups.size());
        for (std::size_t i = 0; i < groups.size(); ++i) {
          if (batch.inputs[i].rows() > 0)
            EXPECT_EQ(rotated_inputs(exec, *groups[i], batch.inputs[i]), read.at(groups[i]->name));
          else
            EXPECT_FALSE(read.contains(groups[i]->name));
        }
        pass_stage(context, block, stage, batch);
      }
      EXPECT_EQ(staged, hidden);
    }
  }
}

}  // namespace
}  // namespace lrc
