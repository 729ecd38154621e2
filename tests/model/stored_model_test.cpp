#include "lrc/model/format/stored_model.hpp"

#include <gtest/gtest.h>

#include "model_variant.hpp"
#include "random_model.hpp"

namespace lrc {
namespace {

void expect_same_weights(const Model& a, const Model& b) {
  const BlockLayout layout = block_layout(a.config(), 2);
  for (const GroupLayout& group : layout.groups()) {
    const LinearGroup left = a.group(2, group), right = b.group(2, group);
    for (std::size_t i = 0; i < left.linears.size(); ++i)
      EXPECT_EQ(left.linears[i].weight, right.linears[i].weight) << left.linears[i].name;
  }
  EXPECT_EQ(a.norm(1, GroupRole::gate_up), b.norm(1, GroupRole::gate_up));
  EXPECT_EQ(a.final_norm(), b.final_norm());
  EXPECT_EQ(a.head_rows(100, 7), b.head_rows(100, 7));
  const std::vector<std::int32_t> tokens{0, 2047, 5, 5};
  MatrixF left(4, 192), right(4, 192);
  a.embed(tokens, left);
  b.embed(tokens, right);
  EXPECT_EQ(left, right);
}

TEST(StoredModel, IsTheSameFromEveryLayout) {
  const StoredModel demo(demo_model());
  const TemporaryDirectory directory;
  write_variant(directory / "f32", {});
  write_variant(directory / "f16", {.dtype = Dtype::f16, .config = {{"torch_dtype", nullptr}, {"dtype", "float16"}}});
  write_variant(directory / "index", {.dtype = Dtype::bf16, .files = 3});
  expect_same_weights(StoredModel(directory / "f32"), demo);
  expect_same_weights(StoredModel(directory / "index"), demo);
  EXPECT_EQ(StoredModel(directory / "f16").config().dtype, Dtype::f16);
  const MatrixF half = StoredModel(directory / "f16").block(0).mlps[0].down.linears[0].weight;
  EXPECT_LT((half - demo.block(0).mlps[0].down.linears[0].weight).cwiseAbs().maxCoeff(), 1e-6F);
}

TEST(StoredModel, TiedEmbeddingsMayHaveEitherName) {
  const TemporaryDirectory directory;
  const nlohmann::json tied = {{"tie_word_embeddings", true}};
  write_variant(directory / "embed",
                {.config = tied, .name = [](const std::string& name) { return name == kHeadTensor ? "" : name; }});
  write_variant(directory / "head",
                {.config = tied, .name = [](const std::string& name) {
                   return name == kHeadTensor ? "" : name == kEmbeddingTensor ? std::string(kHeadTensor) : name;
                 }});
  const StoredModel a(directory / "embed"), b(directory / "head");
  expect_same_weights(a, b);
  MatrixF row(1, 192);
  a.embed(std::vector<std::int32_t>{7}, row);
  EXPECT_EQ(a.head_rows(7, 1), row);
}

TEST(StoredModel, ReadsBiases) {
  const TemporaryDirectory directory;
  write_variant(directory / "b", {.config = {{"attention_bias", true}, {"mlp_bias", true}}, .random_biases = true});
  const StoredModel model(directory / "b");
  const Block first = model.block(0), last = model.block(3);
  EXPECT_EQ(first.qkv.linears[1].bias.size(), 64);
  EXPECT_EQ(last.mlps[0].down.linears[0].bias.size(), 192);
  EXPECT_GT(first.attention_out.linears[0].bias.norm(), 0);
}

// Published sizes of real models.
TEST(Config, OfRealModels) {
  LRC_REQUIRE_SHARED_DATA("configs");
  const auto config = [](const std::string& name) { return read_model_config(shared_data("configs/" + name)); };
  const ModelConfig llama3 = config("llama-3.1-8b");
  EXPECT_EQ(llama3.head_dim, 128);
  EXPECT_EQ(llama3.kv_heads, 8);
  EXPECT_EQ(llama3.rope_theta, 500000);
  ASSERT_TRUE(llama3.llama3_rope.has_value());
  EXPECT_EQ(llama3.llama3_rope->original_max_positions, 8192);
  const ModelConfig llama2 = config("llama-2-7b");
  EXPECT_EQ(llama2.rope_theta, 10000);
  EXPECT_FALSE(llama2.llama3_rope.has_value());
  EXPECT_EQ(config("llama-3.1-70b").blocks, 80);
  const ModelConfig mixtral = config("mixtral-8x7b");
  EXPECT_EQ(mixtral.experts, 8);
  EXPECT_EQ(mixtral.experts_per_token, 2);
  EXPECT_EQ(mixtral.window.of(31), 4096);
  const ModelConfig phi3 = config("phi-3-mini-4k");
  EXPECT_EQ(phi3.head_dim, 96);
  EXPECT_EQ(phi3.window.of(0), 2047);
}

// transformers 5.23's MixtralConfig(), LlamaConfig().
TEST(Config, WhatIsLeftOutIsTheFamilys) {
  const TemporaryDirectory directory;
  nlohmann::json left_out = {{"rope_theta", nullptr},
                             {"rope_parameters", nullptr},
                             {"rms_norm_eps", nullptr},
                             {"max_position_embeddings", nullptr}};
  write_variant(directory / "llama", {.config = left_out});
  left_out.update({{"model_type", "mixtral"}, {"num_local_experts", 2}, {"num_experts_per_tok", 1}});
  write_variant(directory / "mixtral", {.config = left_out});
  const ModelConfig llama = read_model_config(directory / "llama"), mixtral = read_model_config(directory / "mixtral");
  EXPECT_EQ(llama.rope_theta, 1e4);
  EXPECT_EQ(mixtral.rope_theta, 1e6);
  EXPECT_EQ(llama.rms_norm_eps, 1e-6F);
  EXPECT_EQ(mixtral.rms_norm_eps, 1e-5F);
  EXPECT_EQ(llama.max_positions, 2048);
  EXPECT_EQ(mixtral.max_positions, 131072);
}

// transformers 5.23's configuration classes: a key that is not there is not one that is null.
TEST(Config, HeadsAndWindowsThatAreLeftOutAreTheFamilys) {
  const TemporaryDirectory directory;
  const auto read = [&](const char* family, const nlohmann::json& changes, const std::vector<const char*>& lost) {
    nlohmann::json config = {
        {"model_type", family},           {"hidden_size", 256},        {"intermediate_size", 48},
        {"num_hidden_layers", 32},        {"num_attention_heads", 64}, {"vocab_size", 64},
        {"num_key_value_heads", nullptr}, {"head_dim", nullptr},       {"sliding_window", nullptr}};
    config.update(changes);
    for (const char* key : lost) config.erase(key);
    write_file(directory / "config.json", config.dump());
    return read_model_config(directory.path());
  };
  const nlohmann::json none = nlohmann::json::object(),
                       experts = {{"num_local_experts", 2}, {"num_experts_per_tok", 1}},
                       slides = {{"use_sliding_window", true}};
  for (const auto& [family, more, kv_heads] : {std::tuple{"llama", none, 64},
                                               {"phi3", none, 64},
                                               {"mistral", none, 8},
                                               {"mixtral", experts, 8},
                                               {"qwen2", none, 32},
                                               {"qwen3", none, 32}}) {
    EXPECT_EQ(read(family, more, {}).kv_heads, 64) << family;
    EXPECT_EQ(read(family, more, {"num_key_value_heads"}).kv_heads, kv_heads) << family;
    EXPECT_EQ(read(family, more, {}).head_dim, 4) << family;
    EXPECT_EQ(read(family, more, {"head_dim"}).head_dim, family == std::string("qwen3") ? 128 : 4) << family;
  }
  EXPECT_EQ(read("mistral", none, {}).window.of(0), 0);
  EXPECT_EQ(read("mistral", none, {"sliding_window"}).window.of(0), 4096);
  EXPECT_EQ(read("phi3", none, {"sliding_window"}).window.of(0), 0);
  EXPECT_EQ(read("mixtral", experts, {"sliding_window"}).window.of(0), 0);
  for (const char* family : {"qwen2", "qwen3"}) {
    const SlidingWindow window = read(family, slides, {"sliding_window"}).window;
    EXPECT_EQ(window.of(27), 0) << family;
    EXPECT_EQ(window.of(28), 4096) << family;
    EXPECT_EQ(read(family, none, {"sliding_window"}).window.of(31), 0) << family;
  }
}

// The key at the top counts, for Phi-3 even where it is left out.
TEST(Config, OriginalPositionsAreThoseOfTransformers) {
  const TemporaryDirectory directory;
  const auto original = [&](const char* family, const nlohmann::json& changes) {
    nlohmann::json rope = {{"rope_type", "longrope"}, {"short_factor", nlohmann::json::array({1.0, 1.0, 1.0, 1.0})}};
    rope["long_factor"] = rope["short_factor"];
    rope["original_max_position_embeddings"] = 100;
    nlohmann::json config = random_model_config(family, {{"rope_scaling", rope}});
    config.merge_patch(changes);
    write_file(directory / "config.json", config.dump());
    return read_model_config(directory.path()).long_rope->original_max_positions;
  };
  const nlohmann::json lost = {{"rope_scaling", {{"original_max_position_embeddings", nullptr}}}};
  const nlohmann::json top = {{"original_max_position_embeddings", 64}};
  EXPECT_EQ(original("llama", nlohmann::json::object()), 100);
  EXPECT_EQ(original("llama", lost), 256);
  EXPECT_EQ(original("llama", top), 64);
  EXPECT_EQ(original("phi3", nlohmann::json::object()), 4096);
  EXPECT_EQ(original("phi3", top), 64);
}

TEST(Config, RopeParametersOfTransformers5AreTheSameAsBefore) {
  const TemporaryDirectory directory;
  const nlohmann::json scaling = {
      {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 8192}};
  nlohmann::json before = scaling, older = scaling, now = scaling;
  before["rope_type"] = older["type"] = now["rope_type"] = "llama3";
  now["rope_theta"] = 500000.0;
  write_variant(directory / "before", {.config = {{"rope_scaling", before}, {"rope_theta", 500000.0}}});
  write_variant(directory / "older", {.config = {{"rope_scaling", older}, {"rope_theta", 500000.0}}});
  write_variant(directory / "now",
                {.config = {{"rope_scaling", nullptr}, {"rope_theta", nullptr}, {"rope_parameters", now}}});
  for (const char* name : {"before", "older", "now"}) {
    const ModelConfig config = read_model_config(directory / name);
    EXPECT_EQ(config.rope_theta, 500000) << name;
    ASSERT_TRUE(config.llama3_rope.has_value()) << name;
    EXPECT_EQ(config.llama3_rope->factor, 8) << name;
  }
}

}  // namespace
}  // namespace lrc
