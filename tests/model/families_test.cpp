#include <gtest/gtest.h>

#include <set>

#include "lrc/io/json.hpp"
#include "lrc/model/families/family.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/model/forward/forward.hpp"
#include "lrc/model/forward/router.hpp"
#include "random_model.hpp"
#include "shared_data.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

// Every tensor that a model of this configuration has.
std::set<std::string> tensor_names(const ModelConfig& config) {
  std::set<std::string> names{kEmbeddingTensor, kFinalNormTensor, kHeadTensor};
  for (Index block = 0; block < config.blocks; ++block) {
    const BlockLayout layout = block_layout(config, block);
    names.insert({layout.attention_norm, layout.mlp_norm});
    if (layout.router) names.insert(layout.router->stored.tensor);
    for (const GroupLayout& group : layout.groups()) {
      for (const LinearLayout& linear : group.linears) names.insert(linear.stored.tensor);
    }
  }
  return names;
}

TEST(Families, NameTheTensorsOfPublishedModels) {
  LRC_REQUIRE_SHARED_DATA("configs");
  for (const char* name : {"llama-2-7b", "llama-3-8b", "llama-3-70b-fp32", "mixtral-8x22b", "phi-3-mini-4k"}) {
    const std::filesystem::path directory = shared_data("configs") / name;
    std::set<std::string> published;
    const nlohmann::json index = read_json_object(directory / "model.safetensors.index.json");
    for (const auto& [tensor, file] : index.at("weight_map").items()) {
      if (!tensor.ends_with("rotary_emb.inv_freq")) published.insert(tensor);  // old files have it, nobody reads it
    }
    EXPECT_EQ(tensor_names(read_model_config(directory)), published) << name;
  }
}

TEST(Families, RefuseByName) {
  const auto refusal = [](const std::string& family, const nlohmann::json& changes) -> std::string {
    const TemporaryDirectory directory;
    write_file(directory / "config.json", random_model_config(family, changes).dump());
    try {
      read_model_config(directory.path());
      return "";
    } catch (const InputError& error) {
      return error.what();
    }
  };
  EXPECT_NE(
      refusal("gpt2", nlohmann::json::object()).find("'gpt2'; it may be llama, mistral, mixtral, phi3, qwen2, qwen3"),
      std::string::npos);
  EXPECT_EQ(refusal("mixtral", nlohmann::json::object()), "");
  EXPECT_NE(refusal("mixtral", {{"num_experts_per_tok", 6}}).find("'num_experts_per_tok' 6 is more than"),
            std::string::npos);
  EXPECT_NE(refusal("mixtral", {{"num_local_experts", nullptr}}).find("'num_local_experts' is missing"),
            std::string::npos);
  const nlohmann::json factors = {1.0, 2.0, 3.0};  // heads of 8 channels have 4 pairs
  EXPECT_NE(refusal("phi3", {{"rope_scaling", {{"type", "longrope"}, {"short_factor", factors}}}})
                .find("'short_factor' holds 3 numbers; it must hold 4"),
            std::string::npos);
  EXPECT_NE(refusal("phi3", {{"partial_rotary_factor", 0.75}}).find("'partial_rotary_factor' is 0.75"),
            std::string::npos);
  EXPECT_NE(refusal("llama", {{"sliding_window", 7}}).find("'sliding_window'"), std::string::npos);
  EXPECT_NE(refusal("qwen3", {{"layer_types", {"full_attention"}}}).find("'layer_types'"), std::string::npos);
  EXPECT_NE(refusal("qwen3", {{"layer_types", {"full_attention", "sliding_attention"}}}).find("'sliding_window'"),
            std::string::npos);
}

TEST(Families, WindowsAreOfTheBlocksThatConfigJsonNames) {
  const TemporaryDirectory directory;
  const auto windows = [&](const std::string& family, const nlohmann::json& changes) {
    write_file(directory / "config.json", random_model_config(family, changes).dump());
    const ModelConfig config = read_model_config(directory.path());
    return std::pair{config.window.of(0), config.window.of(1)};
  };
  EXPECT_EQ(windows("mistral", {{"sliding_window", 9}}), (std::pair<Index, Index>{9, 9}));
  EXPECT_EQ(windows("qwen2", {{"sliding_window", 9}}), (std::pair<Index, Index>{0, 0}));
  EXPECT_EQ(windows("qwen2", {{"sliding_window", 9}, {"use_sliding_window", true}, {"max_window_layers", 1}}),
            (std::pair<Index, Index>{0, 9}));
  EXPECT_EQ(windows("qwen3", {{"sliding_window", 9},
                              {"use_sliding_window", true},
                              {"layer_types", {"sliding_attention", "full_attention"}}}),
            (std::pair<Index, Index>{9, 0}));
}

TEST(Families, FusedExpertsAreTheSameModel) {
  const TemporaryDirectory directory;
  write_random_model(directory / "apart", random_model_config("mixtral"));
  write_random_model(directory / "fused", random_model_config("mixtral"), true);
  const StoredModel apart(directory / "apart"), fused(directory / "fused");
  ASSERT_NE(fused.tensors().find("model.layers.1.mlp.experts.gate_up_proj"), nullptr);
  const Block left = apart.block(1), right = fused.block(1);
  EXPECT_EQ(left.router, right.router);
  ASSERT_EQ(left.mlps.size(), 5U);
  for (std::size_t expert = 0; expert < 5; ++expert) {
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_EQ(left.mlps[expert].gate_up.linears[i].weight, right.mlps[expert].gate_up.linears[i].weight);
    EXPECT_EQ(left.mlps[expert].down.linears[0].weight, right.mlps[expert].down.linears[0].weight);
  }
}

TEST(Router, TakesTheLargestOfTheSoftmaxAndScalesThemToOne) {
  Execution exec(1);
  MatrixF router(4, 3), x(5, 3);
  router << 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0;  // the last expert is the first one's double
  x << 2, 1, 0, 0, 3, 1, -1, -1, 5, 0, 0, 0, 1, 2, 3;
  const std::vector<ExpertTokens> routed = route(exec, router, 2, x);
  std::vector<std::vector<double>> share(5, std::vector<double>(4, 0));
  for (std::size_t e = 0; e < 4; ++e) {
    for (std::size_t i = 0; i < routed[e].rows.size(); ++i)
      share[static_cast<std::size_t>(routed[e].rows[i])][e] = static_cast<double>(routed[e].weights[i]);
  }
  const auto two = [](double a, double b) { return std::exp(a) / (std::exp(a) + std::exp(b)); };
  const std::vector<std::vector<double>> expected{{0.5, 0, 0, 0.5},
                                                  {0, two(3, 1), two(1, 3), 0},
                                                  {two(-1, 5), 0, two(5, -1), 0},
                                                  {0.5, 0.5, 0, 0},  // all equal: the first two
                                                  {0, two(2, 3), two(3, 2), 0}};
  for (std::size_t token = 0; token < 5; ++token) {
    for (std::size_t e = 0; e < 4; ++e) EXPECT_NEAR(share[token][e], expected[token][e], 1e-6) << token << " " << e;
  }
}

// Token by token, expert by expert, as the model is defined.
TEST(Experts, AddUpAsTheRouterSays) {
  const TemporaryDirectory directory;
  write_random_model(directory / "m", random_model_config("mixtral"));
  const StoredModel model(directory / "m");
  Execution exec(2);
  const RotaryEmbedding rotary(model.config(), 30);
  const ForwardContext context{model.config(), rotary, 30, exec};
  const Block block = model.block(0);
  MatrixF hidden = MatrixF::Random(60, 32);
  MatrixF expected = hidden;
  const MatrixF x = mlp_inputs(context, block, hidden);
  const std::vector<ExpertTokens> routed = route(exec, block.router, 2, x);
  for (std::size_t e = 0; e < 5; ++e) {
    for (std::size_t i = 0; i < routed[e].rows.size(); ++i) {
      const Index token = routed[e].rows[i];
      const VectorF gate = block.mlps[e].gate_up.linears[0].weight * x.row(token).transpose();
      const VectorF up = block.mlps[e].gate_up.linears[1].weight * x.row(token).transpose();
      const VectorF inner = (gate.array() / (1 + (-gate.array()).exp()) * up.array()).matrix();
      expected.row(token) += routed[e].weights[i] * (block.mlps[e].down.linears[0].weight * inner).transpose();
    }
  }
  StagedBatch batch{hidden, routed};
  forward_mlps(context, block, batch);
  EXPECT_LT((hidden - expected).cwiseAbs().maxCoeff(), 1e-3F * expected.cwiseAbs().maxCoeff());
}

}  // namespace
}  // namespace lrc
